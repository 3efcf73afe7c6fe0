"""Batches for training, made ahead of the step that takes them."""
