"""What a client is told in place of an answer."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

UNAVAILABLE_SECONDS = 5  # that a client waits for what this machine lacks


class Refusal(Exception):
    """A request that is not answered, and why.

    Attributes:
        status: the status of HTTP.
        message: what was found, what was expected, and what to do.
        headers: what the response has besides.
    """

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Takes what the client is told; see the attributes."""
        super().__init__(message)
        self.status, self.message = status, message
        self.headers = dict(headers or {})


def busy(seconds: int, what: str = "images wait for their answers") -> Refusal:
    """Returns what a client is told while too many others wait."""
    return Refusal(
        429,
        f"too many {what}; try again in {seconds} s.",
        {"Retry-After": str(seconds)},
    )


def unavailable() -> Refusal:
    """Returns what a client is told where this machine lacks memory or processes.

    The reason is for the server's messages: it may name files.
    """
    return Refusal(
        503,
        "the server lacks memory or processes, and its messages say which; try again "
        f"in {UNAVAILABLE_SECONDS} s.",
        {"Retry-After": str(UNAVAILABLE_SECONDS)},
    )


def shown(value: Any) -> str:
    """Returns a value of a request as messages show it: its beginning and its end.

    It may be longer than any message, and nested deeper than `repr` can go.
    """
    return reprlib.repr(value)
