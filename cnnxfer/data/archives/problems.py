"""What is wrong with an archive, in words."""

from __future__ import annotations

from cnnxfer.errors import reason_of


def damage(error: Exception) -> str:
    """Returns the reason why an archive or a member of it is unreadable."""
    return f"damaged archive: {' '.join(str(error).split())}"


def archive_problem(error: Exception) -> str:
    """Returns what the system says of a failure, or else that it is damage."""
    return reason_of(error) if isinstance(error, OSError) else damage(error)
