"""Files of other runtimes: whether they answer as Keras does, how large, how fast."""
