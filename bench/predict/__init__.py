"""Prediction by `cnnxfer predict`."""
