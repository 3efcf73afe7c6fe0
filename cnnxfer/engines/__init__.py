"""What runs a network, one engine a file; each is admitted by a measured verdict."""
