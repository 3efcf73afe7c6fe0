"""What a network makes of images before the cut, computed once and kept."""
