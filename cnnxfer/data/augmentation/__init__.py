"""Augmentation: random changes of training images; `random_view` combines them."""
