"""Heads of boxes and masks answer and learn alike on all three backends of Keras."""

from pathlib import Path

import numpy as np
import pytest
from on_backends import compare, outputs_on

PROGRAM = Path(__file__).with_name("outputs.py")


@pytest.fixture(scope="module")
def on_tensorflow(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("a") / "outputs.npz"
    return outputs_on("tensorflow", PROGRAM, path)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(
    backend: str, on_tensorflow: dict[str, np.ndarray], tmp_path: Path
) -> None:
    compare(outputs_on(backend, PROGRAM, tmp_path / "outputs.npz"), on_tensorflow)
