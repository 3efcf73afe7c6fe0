"""Memory that tests have freed, returned to the system: their networks are large."""

import ctypes
import gc
import os
import resource
import sys
from pathlib import Path

MUCH_BYTES = 1_200_000_000  # below it, collecting takes longer than it is worth

# oneDNN's own allocator would keep what a network took for all that comes after it.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")


def release_memory() -> None:
    """Frees what only cycles refer to, and gives freed memory back (Linux, glibc)."""
    if sys.platform != "linux" or _used_bytes() < MUCH_BYTES:
        return
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _used_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
