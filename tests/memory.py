"""Memory that tests have freed, returned to the system: their networks are large."""

import ctypes
import gc
import os
import sys

# oneDNN's own allocator would keep what a network took for all that comes after it.
os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "true")


def release_memory() -> None:
    """Frees what only cycles refer to, and gives freed memory back (glibc)."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
