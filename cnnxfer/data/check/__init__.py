"""What is wrong with images and their labels, told before they train."""
