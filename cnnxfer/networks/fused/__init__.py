"""A network that computes the same as another's, and learns faster."""
