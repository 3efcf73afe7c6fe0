"""Single images: where they come from, how they are decoded, and views of them."""
