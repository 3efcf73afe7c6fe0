"""Backbones: the catalog of pretrained networks, their construction and weights."""
