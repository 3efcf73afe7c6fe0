"""Keeps the messages of libraries off the terminal."""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

from cnnxfer.errors import ConfigError


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
