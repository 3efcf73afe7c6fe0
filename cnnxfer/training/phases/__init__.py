"""The phases of training: which layers learn, from what, and in which stages."""
