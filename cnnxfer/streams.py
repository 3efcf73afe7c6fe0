"""Puts the null device in the place of standard streams that are closed."""

import fcntl
import os
import sys

# Each standard stream, how it is used, and how a descriptor of no use is open.
STREAMS = (
    ("stdin", "r", os.O_WRONLY),
    ("stdout", "w", os.O_RDONLY),
    ("stderr", "w", os.O_RDONLY),
)


def open_closed_streams() -> None:
    """Opens the null device as each standard stream that is closed.

    The file that is opened next would get the stream's number otherwise, and whatever a
    library prints would go into it. A stream that is open in the wrong direction counts
    as closed: for `2>&-`, some shells hand on their script as stderr.
    """
    for number, (name, mode, useless) in enumerate(STREAMS):
        try:
            is_closed = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == useless
        except OSError:
            is_closed = True
        if is_closed:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
