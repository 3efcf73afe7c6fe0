"""How exactly a probability is told: the same in tables, files and thresholds."""

DIGITS = 6  # decimal places
