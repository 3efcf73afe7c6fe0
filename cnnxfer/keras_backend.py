"""Imports Keras with the library that it computes with, without their messages."""

import gc
import json
import logging
import os
import resource
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from cnnxfer.errors import ConfigError
from cnnxfer.quiet import stderr_shown_on_error
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import is_command_line
from cnnxfer.streams import open_closed_streams

TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
# With less, OpenBLAS tries for ever to allocate its buffers, and OpenVINO and
# TensorFlow end the process where an allocation fails (measured on Linux, x86-64:
# a small network is trained in 4 GB, and not in 3 GB).
ADDRESS_SPACE_BYTES = 4 * 10**9
# Keras imports them if they are there, which takes as long as the rest of it: to draw
# galleries, and to be a part of scikit-learn's pipelines.
UNUSED = ("matplotlib", "pandas", "sklearn")


@contextmanager
def starting_keras(reporter: Reporter) -> Iterator[None]:
    """Imports Keras, and says so until the block ends, which may import what needs it.

    Raises:
        ConfigError: as `import_keras_quietly` does.
    """
    name = backend_name()
    with reporter.wait(f"starting {TITLES.get(name, name)}"):
        import_keras_quietly()
        yield


def backend_name() -> str:
    """Returns the name of the library that Keras computes with, or would.

    It is asked for as Keras does (https://keras.io/api/utils/config_utils/), in the
    environment and in its file of settings, without importing it, which takes seconds.
    """
    if "keras" in sys.modules:  # it may have been told to change its mind
        return str(sys.modules["keras"].backend.backend())
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    user = os.path.expanduser("~")
    user = user if os.access(user, os.W_OK) else "/tmp"
    home = os.environ.get("KERAS_HOME") or Path(user, ".keras")
    try:
        return str(json.loads(Path(home, "keras.json").read_bytes())["backend"])
    except (OSError, ValueError, LookupError, TypeError):
        return "tensorflow"


def import_keras_quietly() -> None:
    """Imports Keras and the library it computes with, without messages on stderr.

    Some messages are written by C++ before any setting is read, so the file
    descriptor of stderr itself is redirected during the import. If the import fails,
    the messages are shown. With TF_CPP_MIN_LOG_LEVEL=0, nothing is hidden. GPU memory
    of TensorFlow's is allocated as it is needed, not all at once. A command imports
    Keras without what it does not use of it.

    Raises:
        ConfigError: if the library is unknown or not installed, there is no room for
            the messages in a temporary file, or none for the libraries in this
            process's address space.
    """
    name = backend_name()
    if name == "tensorflow":
        import_tensorflow_quietly()
    elif "keras" not in sys.modules:
        _require(name)
        with _without_messages(), imported_fast(*_unused()):
            import keras  # noqa: F401


def import_tensorflow_quietly() -> None:
    """Imports Keras and TensorFlow, whatever Keras computes with, without messages.

    Raises:
        ConfigError: as `import_keras_quietly` does.
    """
    if "tensorflow" in sys.modules:
        return
    if backend_name() == "tensorflow":
        _require("tensorflow")
    require_tensorflow("this")
    with _without_messages(), imported_fast(*_unused()):
        level = logging.getLogger("tensorflow").level
        import keras
        import tensorflow as tf

        tf.get_logger().setLevel(level)  # in a notebook, it lets everything through
        # Listing the devices prints messages, too: of drivers that are not found.
        gpus = tf.config.list_physical_devices("GPU")
        if keras.backend.backend() == "tensorflow":
            for gpu in gpus:  # TensorFlow would allocate all their memory at once
                tf.config.experimental.set_memory_growth(gpu, True)
        else:
            tf.config.set_visible_devices([], "GPU")  # leave the memory to the backend


@contextmanager
def imported_fast(*unused: str) -> Iterator[None]:
    """Has what is imported in the block come without some packages, and sooner.

    A package imports others that it can do without if they are there. Those that are
    `unused` are taken for missing, unless they have been imported before the block.
    """
    left_out = [name for name in unused if name not in sys.modules]
    sys.modules.update(dict.fromkeys(left_out))  # type: ignore[arg-type]
    # Modules are objects that stay: looking through them for others takes a fifth of
    # TensorFlow's import.
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        for name in left_out:
            del sys.modules[name]
        if collects:
            gc.enable()
        if is_command_line():  # a notebook has garbage of its own to collect
            gc.freeze()


def _unused() -> Sequence[str]:
    return UNUSED if is_command_line() else ()  # a notebook may want all of Keras


def require_tensorflow(what: str, *packages: str) -> None:
    """Checks that TensorFlow can be imported, without importing it.

    Args:
        what: what needs it, whatever Keras computes with, for the message.
        *packages: others that it needs.

    Raises:
        ConfigError: if it is not installed, or one of the others.
    """
    missing = [name for name in ("tensorflow", *packages) if not find_spec(name)]
    if missing:
        names = " ".join(name.replace("_", "-") for name in missing)
        raise ConfigError(
            f"{what} needs {names}, which is not installed. Install it: "
            f"pip install {names}"
        )


def _require(name: str) -> None:
    """Raises a ConfigError where Keras cannot import what it is to compute with."""
    if name not in TITLES:
        raise ConfigError(
            f"Keras is to compute with {name!r} (KERAS_BACKEND, or keras.json); "
            f"expected {', '.join(TITLES)}."
        )
    if find_spec(name):
        return
    others = [other for other in TITLES if find_spec(other)]
    choice = f", or let Keras compute with another: KERAS_BACKEND={others[0]}"
    raise ConfigError(
        f"Keras is to compute with {TITLES[name]}, which is not installed. Install it: "
        f"pip install {name}{choice if others else ''}"
    )


@contextmanager
def _without_messages() -> Iterator[None]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    open_closed_streams()  # where no command, but another program, imports it
    _check_address_space()
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0":
        yield
        return
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with stderr_shown_on_error(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_address_space() -> None:
    """Raises a ConfigError where the libraries would end the process, or never end."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE_BYTES:
        raise ConfigError(
            f"this process may use {limit / 1e9:.1f} GB of address space, and "
            f"TensorFlow needs {ADDRESS_SPACE_BYTES / 1e9:.0f} GB. Raise the limit: "
            "ulimit -v unlimited"
        )
