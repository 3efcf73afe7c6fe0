"""From the examples of a source to sound images, each in its part."""
