"""Answers of many machines at once, each with a classifier that stays open, by Ray."""
