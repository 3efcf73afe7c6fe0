"""Starts workers as processes of this machine."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """Returns a port of this machine that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def environment_of(rank: int, count: int, port: int) -> dict[str, str]:
    """Returns the variables that a worker finds, without those of a launcher."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    values = (rank, count, "127.0.0.1", port)
    return {
        **os.environ,
        **{name: str(value) for name, value in zip(names, values, strict=True)},
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    }


def start(
    command: Sequence[str], count: int, *, absent: Sequence[int] = ()
) -> list[subprocess.Popen[str]]:
    """Starts so many workers with the same command, but for some that don't come."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, "-P", *command],
            env=environment_of(rank, count, port),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
        if rank not in absent
    ]


def ends(
    processes: Sequence[subprocess.Popen[str]], seconds: float
) -> list[tuple[int, str]]:
    """Returns the exit code and the last line on stderr of each, which end in time."""
    try:
        said = [process.communicate(timeout=seconds)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    codes = [process.returncode for process in processes]
    lines = [(text.strip().splitlines() or [""])[-1] for text in said]
    return list(zip(codes, lines, strict=True))
