"""Activations at the cut of a network, computed once for each image and cached."""
