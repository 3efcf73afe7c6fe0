"""Views: what the network sees of each image; and previews that show them."""
