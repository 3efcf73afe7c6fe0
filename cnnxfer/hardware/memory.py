"""Whether an error means that memory ran out, of the processor or of a GPU."""

from __future__ import annotations

# What types and messages say: those of TensorFlow, whose message has no such words,
# of XLA, of PyTorch on a GPU and on a CPU, of CUDA, and of C++ (OpenVINO).
SIGNS = (
    "resourceexhausted",
    "resource_exhausted",
    "resource exhausted",
    "outofmemory",
    "out of memory",
    "not enough memory",
    "cannot allocate memory",
    "can't allocate memory",
    "failed to allocate",
    "cublas_status_alloc_failed",
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tells whether memory ran out, of the processor or of a GPU."""
    if isinstance(error, MemoryError):
        return True
    # Types are known by their names, as frameworks need not be imported here.
    types = " ".join(kind.__name__ for kind in type(error).__mro__)
    words = f"{types} {error}".lower()
    return any(sign in words for sign in SIGNS)
