"""What a classifier looks at: heat maps of its maps, and what their channels see."""
