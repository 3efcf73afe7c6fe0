"""How weights are changed: optimizers, learning rates, batches and devices."""
