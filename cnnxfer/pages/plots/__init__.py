"""Plots as SVG: functions from figures to markup, for pages and for files."""
