"""Turns the errors of a download into reasons of a few words."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, InvalidURL
from urllib.error import URLError

from cnnxfer.errors import DataError
from cnnxfer.web.limits import Limits

# By OpenSSL's number of what is wrong with a certificate (X509_V_ERR_...).
_CERTIFICATES = {
    9: "not valid yet; is this machine's clock right?",
    10: "expired",
    **dict.fromkeys(
        (18, 19, 20, 21),
        "of an unknown authority; if you trust it, name its file in SSL_CERT_FILE",
    ),
    23: "revoked",
    **dict.fromkeys((62, 64), "for another host"),
}
# OpenSSL's names of what an answer without encryption looks like to it.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
_NO_HOST = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


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
        elif isinstance(cause, ssl.SSLCertVerificationError):  # it is a ValueError too
            reason = f"certificate refused: {_certificate(cause)}"
        elif isinstance(cause, (ValueError, InvalidURL)):
            reason = "not a web address"
        else:
            kind = "unreachable" if cause is not error else "broken connection"
            reason = f"{kind}: {words_of(cause)}"
        raise DataError(reason) from error


def words_of(cause: str | BaseException) -> str:
    """Returns what a network error is, in a few words.

    They are the system's or ours: others could contain what the server has sent.
    """
    if isinstance(cause, str):
        return cause.lower()
    if isinstance(cause, ssl.SSLError):
        if cause.reason in _NO_TLS:
            return "the server does not speak TLS; is it an http address?"
        return f"TLS failed ({(cause.reason or 'no reason').replace('_', ' ').lower()})"
    if isinstance(cause, socket.gaierror):
        if cause.errno in _NO_HOST:
            return "no host of this name"
        if cause.errno == socket.EAI_AGAIN:
            return "names of hosts cannot be looked up; is this machine online?"
    words = getattr(cause, "strerror", "")
    return words.lower() if words else type(cause).__name__


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    return _CERTIFICATES.get(error.verify_code, error.verify_message.lower())
