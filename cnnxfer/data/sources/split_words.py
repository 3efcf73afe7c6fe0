"""What people call the parts of a data set."""

from __future__ import annotations

from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION

# Part by word in lower case: of a folder, of a split, or in a table's column.
SPLITS = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
