"""Benchmarks of `cnnxfer serve`."""
