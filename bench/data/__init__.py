"""Data: looking at it, feeding a training with it."""
