"""Measures models and compares them: metrics, runs and backbones."""
