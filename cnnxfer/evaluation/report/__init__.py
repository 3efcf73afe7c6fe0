"""The page about a run: what was trained on what, and how good its answers are."""
