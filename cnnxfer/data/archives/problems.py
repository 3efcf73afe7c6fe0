"""The messages for archives that cannot be read."""

from __future__ import annotations

from cnnxfer.errors import reason_of


def damage_reason(error: Exception) -> str:
    """Returns the reason why a damaged archive, or a member of it, is unreadable."""
    return f"damaged archive: {' '.join(str(error).split())}"


def archive_problem(error: Exception) -> str:
    """Returns why an archive is unreadable: the system's error message, or damage."""
    return reason_of(error) if isinstance(error, OSError) else damage_reason(error)
