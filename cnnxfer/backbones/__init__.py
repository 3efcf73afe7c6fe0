"""Backbones: the catalog of networks, their construction and weights."""
