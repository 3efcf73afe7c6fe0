"""The model and its two phases."""
