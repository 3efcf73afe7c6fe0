"""Imports TensorFlow without its start-up messages on the terminal."""

import contextlib
import io
import logging
import os
import resource
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import IO

from cnnxfer.errors import ConfigError
from cnnxfer.streams import open_closed_streams

# With less, OpenBLAS tries for ever to allocate its buffers, and OpenVINO and
# TensorFlow end the process where an allocation fails (measured on Linux, x86-64:
# a small network is trained in 4 GB, and not in 3 GB).
ADDRESS_SPACE_BYTES = 4 * 10**9


def import_tensorflow_quietly() -> None:
    """Imports Keras and TensorFlow without messages on stderr.

    Some messages are written by C++ before any setting is read, so the file
    descriptor of stderr itself is redirected during the import. If the import fails,
    the messages are shown. With TF_CPP_MIN_LOG_LEVEL=0, nothing is hidden. GPU memory
    is allocated as it is needed, not all at once.

    Raises:
        ConfigError: if there is no room for the messages in a temporary file, or for
            TensorFlow in this process's address space.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" in sys.modules:
        return
    open_closed_streams()  # where no command, but another program, imports it
    _check_address_space()
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0":
        _import_tensorflow()
        return
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with stderr_shown_on_error(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _import_tensorflow()


def _check_address_space() -> None:
    """Raises a ConfigError where the libraries would end the process, or never end."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE_BYTES:
        raise ConfigError(
            f"this process may use {limit / 1e9:.1f} GB of address space, and "
            f"TensorFlow needs {ADDRESS_SPACE_BYTES / 1e9:.0f} GB. Raise the limit: "
            "ulimit -v unlimited"
        )


def _import_tensorflow() -> None:
    import keras
    import tensorflow as tf  # needed with every backend: it decodes the images

    # Listing the devices prints messages, too: of drivers that are not found.
    gpus = tf.config.list_physical_devices("GPU")
    if keras.backend.backend() == "tensorflow":
        for gpu in gpus:  # TensorFlow would allocate all their memory at once
            tf.config.experimental.set_memory_growth(gpu, True)
    else:
        tf.config.set_visible_devices([], "GPU")  # leave the memory to the backend


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keeps what libraries write to themselves, unless the block raises."""
    with stderr_shown_on_error(), contextlib.redirect_stdout(io.StringIO()):
        yield


@contextlib.contextmanager
def stderr_shown_on_error() -> Iterator[None]:
    """Keeps what libraries write to stderr to itself, unless the block raises."""
    sys.stderr.flush()
    with _temporary_file() as messages:
        stderr = os.dup(2)
        os.dup2(messages.fileno(), 2)
        try:
            yield
        except Exception:
            messages.seek(0)
            os.write(stderr, messages.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:  # it has looked in several directories
        raise ConfigError(
            f"no temporary file can be made ({error.strerror or error}). Make room, or "
            "set TMPDIR to a directory that can be written."
        ) from error
