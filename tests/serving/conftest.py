"""A server of three small exports, asked for real over the loopback interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, serving
from small_exports import NETWORKS, write_export

MODELS = {
    "classification": "colours",
    "detection": "boxes",
    "segmentation": "masks",
}


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The models that `served` answers for; tests leave them as they are."""
    root = tmp_path_factory.mktemp("exports")
    return [str(write_export(root / MODELS[task], task)) for task in NETWORKS]


@pytest.fixture(scope="module")
def served(exports: list[str]) -> Iterator[Served]:
    """A server with three models: colours, boxes and masks; the first is colours.

    Each module sees at its end that nothing was answered with a status of 5xx.
    """
    with serving(*exports) as served:
        yield served


@pytest.fixture
def colours(exports: list[str]) -> Path:
    """The export that tells colours."""
    return Path(exports[0])
