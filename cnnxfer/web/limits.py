"""What a download may do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a download may do.

    Attributes:
        max_bytes: the largest size of the file.
        idle_seconds: how long the server may send nothing.
        total_seconds: how long the download may take.
        allow_private: whether the address may lie in a private network or on this
            machine.
        wait_seconds: how long it may wait, each time that a server is busy and says
            when to try again.
    """

    max_bytes: int
    idle_seconds: float
    total_seconds: float = float("inf")
    allow_private: bool = False
    wait_seconds: float = 60.0
