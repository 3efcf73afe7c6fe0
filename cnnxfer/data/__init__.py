"""Reads data sets, prepares their images, and feeds them to training."""
