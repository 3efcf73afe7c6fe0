"""A phase of training: its loop, and what lets it go on after anything."""
