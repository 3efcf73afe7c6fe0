"""Masks: the class of each pixel, read from pictures or drawn from polygons."""
