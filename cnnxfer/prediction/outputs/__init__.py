"""Outputs of predictions: written formats, contact sheets and folders of files."""
