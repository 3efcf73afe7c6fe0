"""Ranked classes for any pile of images."""
