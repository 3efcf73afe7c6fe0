"""The processor, the memory, the GPUs and the packages of this machine.

Nothing here imports TensorFlow or Keras. What cannot be read is None, which stands
for "unknown".
"""
