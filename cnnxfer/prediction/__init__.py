"""Prediction of ranked classes for any number of images."""
