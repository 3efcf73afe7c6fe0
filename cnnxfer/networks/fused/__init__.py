"""Networks that compute the same as another with its variables, and train faster."""
