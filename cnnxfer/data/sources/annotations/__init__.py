"""Reads boxes and outlines of objects, one format a file.

`load.py` reads a file of annotations, and looks for some in a folder. Each format
yields what its files say of each image, as `annotated.AnnotatedImage`, and `dataset.py`
makes the data set of it.
"""
