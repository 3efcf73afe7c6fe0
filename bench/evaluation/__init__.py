"""Benchmarks of figures, explanations and reports."""
