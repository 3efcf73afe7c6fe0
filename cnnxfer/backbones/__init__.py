"""The catalog of pretrained networks and where their weights come from."""
