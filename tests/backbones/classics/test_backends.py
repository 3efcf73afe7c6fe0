"""The classic networks answer alike on all three backends of Keras."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("outputs.py")
ROOT = Path(__file__).parents[3]


def outputs_on(backend: str, path: Path) -> dict[str, np.ndarray]:
    subprocess.run(
        [sys.executable, PROGRAM, path],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), *sys.path])),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def on_tensorflow(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, np.ndarray]:
    return outputs_on("tensorflow", tmp_path_factory.mktemp("a") / "outputs.npz")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(
    backend: str, on_tensorflow: dict[str, np.ndarray], tmp_path: Path
) -> None:
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    found = outputs_on(backend, tmp_path / "outputs.npz")
    assert found.keys() == on_tensorflow.keys()
    differences = {}
    for name, expected in on_tensorflow.items():
        assert np.ptp(expected) > 0 or not expected.shape, name
        size = max(1.0, float(np.abs(expected).max()))
        differences[name] = float(np.abs(found[name] - expected).max()) / size
    largest = max(differences, key=differences.__getitem__)
    assert differences[largest] <= 1e-4, largest
    print(f"{backend}: the largest difference is {differences[largest]:.1e}, {largest}")
