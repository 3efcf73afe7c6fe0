"""Sends what a run records to the tools in which experiments are followed."""
