"""Keeps TensorFlow Datasets from importing what the files of a data set name.

`features.json` names a class for each feature of the records, and TFDS imports the
module of any class that it does not know: whoever wrote the file chooses what runs.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow_datasets as tfds

from cnnxfer.errors import DataError

_lock = threading.Lock()  # what is replaced serves all threads


@contextmanager
def own_features_only(source: str) -> Iterator[None]:
    """Has TFDS refuse, while the block runs, all classes but its own features.

    All names, however deep a file nests them and in whichever of its forms, pass
    through `cls_from_name`; so no second reading of the file has to agree with TFDS's.

    Args:
        source: the data set, for the message.

    Raises:
        DataError: inside the block, where a file names another class.
    """
    base = tfds.features.FeatureConnector
    known = _known_features(base)

    def find(name: str) -> type:
        if name not in known:
            raise DataError(
                f"the features.json of {source} names the class {name!r}, which is no "
                "feature of TensorFlow Datasets itself. It is not imported, since that "
                "could run any code. Remove that file if this is a folder of pictures, "
                "or copy the pictures to class folders."
            )
        return known[name]

    with _lock:
        original = base.__dict__["cls_from_name"]  # fails if TFDS has renamed it
        base.cls_from_name = staticmethod(find)
        try:
            yield
        finally:
            base.cls_from_name = original


def _known_features(base: type) -> dict[str, type]:
    """Returns the feature classes of TFDS itself, by all names that files have."""
    known: dict[str, type] = {}
    for found in vars(tfds.features).values():
        if isinstance(found, type) and issubclass(found, base):
            names = [f"{found.__module__}.{found.__name__}"]
            names += found.__dict__.get("ALIASES", [])  # of earlier releases
            known |= dict.fromkeys(names, found)
    return known
