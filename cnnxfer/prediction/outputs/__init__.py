"""What becomes of predictions: one writer, sheet or folder a file."""
