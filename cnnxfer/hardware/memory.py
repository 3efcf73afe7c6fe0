"""Recognizes errors that mean that the memory of the processor or a GPU is full."""

# Parts of the names and messages of such errors: of TensorFlow (the name only), XLA,
# PyTorch on a GPU and on a CPU, CUDA, and C++ (OpenVINO).
ERROR_TEXTS = (
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
    """Returns whether an error means that memory is full, of the processor or a GPU."""
    if isinstance(error, MemoryError):
        return True
    # Compared by name, since the frameworks are not imported here.
    types = " ".join(kind.__name__ for kind in type(error).__mro__)
    text = f"{types} {error}".lower()
    return any(part in text for part in ERROR_TEXTS)
