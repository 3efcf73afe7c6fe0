"""What is learned and answered: targets, loss, score and probabilities."""
