"""Keeps TensorFlow's start-up chatter away from the user's terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator


def import_tensorflow_quietly() -> None:
    """Imports Keras and TensorFlow without a line on stderr; GPUs' memory can grow.

    Part of the chatter is written by C++ before any setting is read, so the file
    descriptor itself points elsewhere meanwhile. If the import fails, what was
    written is shown after all. With TF_CPP_MIN_LOG_LEVEL=0, everything is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" in sys.modules:
        return
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0":
        _import_tensorflow()
        return
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with _stderr_held_back(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _import_tensorflow()


def _import_tensorflow() -> None:
    import keras
    import tensorflow as tf  # with every backend: it reads the pictures

    # The first look at the devices speaks too, of drivers it doesn't find.
    gpus = tf.config.list_physical_devices("GPU")
    if keras.backend.backend() == "tensorflow":
        for gpu in gpus:  # or it would take all their memory at once
            tf.config.experimental.set_memory_growth(gpu, True)
    else:
        tf.config.set_visible_devices([], "GPU")  # their memory is for the backend


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
