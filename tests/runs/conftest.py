"""Runs without training."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnnxfer.config import Config
from cnnxfer.runs import Run

Make = Callable[..., Run]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run by its name, in `tmp_path` or below, with entries of its receipt."""

    def make(name: str, **receipt: object) -> Run:
        run = Run(tmp_path / name)
        run.path.mkdir(parents=True)
        run.write_config(Config())
        run.update_receipt(**{"started": "2026-11-22T10:00:00+00:00", **receipt})
        return run

    return make


@pytest.fixture
def mounted() -> Iterator[Callable[..., None]]:
    """Calls `mount`, and undoes it; skips where that is not permitted."""
    places: list[str] = []

    def mount(*arguments: str | Path) -> None:
        command = ["mount", *map(str, arguments)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip(f"not permitted here: {' '.join(command)}")
        if str(arguments[-1]) not in places:
            places.append(str(arguments[-1]))

    yield mount
    for place in reversed(places):
        subprocess.run(["umount", place], check=True)
