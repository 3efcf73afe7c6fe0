"""Turns the errors of a download into reasons of a few words."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, InvalidURL
from urllib.error import URLError

from cnnxfer.errors import DataError
from cnnxfer.web.limits import Limits


@contextmanager
def reasons(limits: Limits, deadline: float) -> Iterator[None]:
    """Turns network errors into a DataError with a short reason."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        # urllib wraps errors up to the request in a URLError, but none after it.
        cause = error.reason if isinstance(error, URLError) else error
        if time.monotonic() >= deadline:
            reason = f"timeout: not whole after {limits.total_seconds:g} seconds"
        elif isinstance(cause, TimeoutError):
            reason = f"timeout: no answer for {limits.idle_seconds:g} seconds"
        elif isinstance(cause, (ValueError, InvalidURL)):
            reason = "not a web address"
        else:
            kind = "unreachable" if cause is not error else "broken connection"
            # Only the system's words: others could contain what the server has sent.
            words = cause if isinstance(cause, str) else getattr(cause, "strerror", "")
            reason = f"{kind}: {words.lower() if words else type(cause).__name__}"
        raise DataError(reason) from error
