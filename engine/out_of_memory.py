"""How memory says that it has run out, on a CPU or a GPU. Without torch, whose errors are known by name."""

from __future__ import annotations


def ran_out_of_memory(error: Exception) -> bool:
    """Whether this error means that."""
    named = type(error).__name__ == "OutOfMemoryError"
    return isinstance(error, MemoryError) or named or "can't allocate memory" in str(error)
