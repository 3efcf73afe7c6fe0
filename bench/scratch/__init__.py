"""Benchmarks of whole networks that learn from random weights."""
