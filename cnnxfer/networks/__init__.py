"""Classifiers: a backbone and a head, where they are cut, how they are saved."""
