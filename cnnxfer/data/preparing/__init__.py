"""Turns the examples of a source into readable images, each with its split."""
