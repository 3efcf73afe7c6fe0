"""The task whose answer is the class of each pixel."""
