"""The words that people use for the splits of a data set."""

from __future__ import annotations

from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION

# By the word in lower case; folders, tables and other libraries name splits by them.
SPLIT_BY_WORD = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
