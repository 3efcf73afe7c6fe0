"""The precision of probabilities in tables, files and thresholds."""

DIGITS = 6  # decimal places
