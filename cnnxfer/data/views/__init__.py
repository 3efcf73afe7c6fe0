"""What the network sees of each image, and a picture of that for people."""
