"""Makes batches for training ahead of the steps that take them."""
