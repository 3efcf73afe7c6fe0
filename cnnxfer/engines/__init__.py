"""Engines that run a network; an engine is used once its answers match Keras's."""
