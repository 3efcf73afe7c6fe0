"""The classic networks, from LeNet-5 to SENet, in the order of their forward pass."""
