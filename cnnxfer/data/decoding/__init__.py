"""Decodes images in separate processes, so that a broken file can crash only those."""
