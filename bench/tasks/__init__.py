"""Benchmarks of boxes and masks."""
