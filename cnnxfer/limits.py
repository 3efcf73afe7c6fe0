"""Limits that settings and processes share, which must load in an instant."""

MAX_PIXELS = 200_000_000  # as many as the largest sensors of telephones have
