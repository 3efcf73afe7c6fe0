"""The model and its phases."""
