"""Memory that ran out, as each backend says it."""

from __future__ import annotations

# TensorFlow's, torch's and Python's own; subclasses count.
KINDS = {"ResourceExhaustedError", "OutOfMemoryError", "MemoryError"}
# JAX's XLA, and torch on a CPU, tell it in words.
WORDS = ("RESOURCE_EXHAUSTED", "can't allocate memory", "std::bad_alloc")


def ran_out_of_memory(error: BaseException) -> bool:
    """Tells whether an error says that there is no memory left."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & KINDS) or any(word in str(error) for word in WORDS)
