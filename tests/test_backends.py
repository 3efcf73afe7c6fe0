"""Networks and heads answer and learn alike on all three backends of Keras."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
PROGRAMS = {  # by what they write the outputs of
    "classics": HERE / "backbones" / "classics" / "outputs.py",
    "heads": HERE / "tasks" / "outputs.py",
}


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Path:
    return PROGRAMS[request.param]


@pytest.fixture(scope="module")
def on_tensorflow(
    program: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("a") / "outputs.npz"
    return outputs_on("tensorflow", program, path)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(
    backend: str, program: Path, on_tensorflow: dict[str, np.ndarray], tmp_path: Path
) -> None:
    compare(outputs_on(backend, program, tmp_path / "outputs.npz"), on_tensorflow)


def outputs_on(backend: str, program: Path, path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays that `python program path` writes to an `.npz` file.

    A process has one backend. The test is skipped if the backend is not installed.
    """
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    subprocess.run(
        [sys.executable, program, path],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parent), *sys.path])),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    with np.load(path) as arrays:
        return dict(arrays)


def compare(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Checks that all arrays are those expected, but for errors of rounding."""
    assert found.keys() == expected.keys()
    differences = {}
    for name, values in expected.items():
        assert np.ptp(values) > 0 or not values.shape, name
        size = max(1.0, float(np.abs(values).max()))
        differences[name] = float(np.abs(found[name] - values).max()) / size
    largest = max(differences, key=differences.__getitem__)
    assert differences[largest] <= 1e-4, largest
    print(f"the largest difference is {differences[largest]:.1e}, {largest}")
