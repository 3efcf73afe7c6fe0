"""Networks in the formats of other runtimes, checked against Keras."""
