"""What a network is trained for: targets, loss, score and probabilities."""
