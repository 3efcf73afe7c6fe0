"""What runs a trained network, one engine a file."""
