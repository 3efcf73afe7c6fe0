"""The memory in which a thread handles signals, which OpenVINO doesn't leave alone."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """`stack_t` of Linux, sigaltstack(2)."""

    _fields_ = (
        ("pointer", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Gives the thread its former stack for signals back.

    OpenVINO (2026.4, on Linux) sets another one when its CPU plugin is loaded, and its
    memory goes with the plugin. Python handles signals there, so that the next Ctrl-C
    would end the process by a segmentation fault.
    """
    if sys.platform != "linux":
        yield
        return
    former = _Stack()
    sigaltstack = ctypes.CDLL(None).sigaltstack
    sigaltstack(None, ctypes.byref(former))
    try:
        yield
    finally:
        sigaltstack(ctypes.byref(former), None)
