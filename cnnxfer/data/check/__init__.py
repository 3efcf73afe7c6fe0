"""Finds what is wrong with images and their labels before training starts."""
