"""The built-in data set: synthetic flowers, drawn by code."""
