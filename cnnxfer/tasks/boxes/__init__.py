"""Tasks whose answers are objects with boxes: one in an image, or any number."""
