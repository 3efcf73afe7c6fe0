"""Protection of a thread's alternate signal stack, which OpenVINO replaces."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """The structure `stack_t` of Linux; see sigaltstack(2)."""

    _fields_ = (
        ("pointer", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


@contextmanager
def preserve_signal_stack() -> Iterator[None]:
    """Restores the thread's alternate signal stack at the end of the block.

    OpenVINO (2026.4, on Linux) sets a stack of its own when its CPU plugin is loaded,
    and frees it with the plugin. Signals would then be handled in freed memory, and the
    next Ctrl-C would end the process with a segmentation fault.
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
