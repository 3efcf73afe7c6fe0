"""The processor, the memory, the GPUs and the packages of this machine.

Nothing in this package imports TensorFlow or Keras. Values that cannot be read are
None, which stands for "unknown".
"""
