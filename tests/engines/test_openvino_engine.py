import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.engines.converted import convert
from cnnxfer.engines.engine import FEATURES, Network
from cnnxfer.engines.openvino_engine import OpenVinoEngine, has_bfloat16
from cnnxfer.reporting import Reporter


def nothing() -> None:
    """Does nothing while a network is converted."""


@pytest.fixture(scope="module")
def directory(model: keras.Model) -> Path:
    network = Network("the network of these tests", 32, lambda: model, FEATURES)
    return convert(network, lambda: model, nothing, Reporter())


@pytest.fixture(scope="module")
def engine(directory: Path) -> OpenVinoEngine:
    return OpenVinoEngine(directory, "float32")


def test_batches_of_any_size_are_computed_in_order(
    engine: OpenVinoEngine, batches: Iterator[np.ndarray], expected: np.ndarray
) -> None:
    assert (engine.name, engine.precision, engine.image_size) == (
        "openvino",
        "float32",
        32,
    )
    answers = list(engine.run(batches))
    assert [len(rows) for rows in answers] == [8, 8, 3]
    assert answers[0].dtype == np.float32
    np.testing.assert_allclose(np.concatenate(answers), expected[:19], atol=1e-4)


def test_outputs_are_in_order_although_batches_take_unequal_time(
    engine: OpenVinoEngine, photos: np.ndarray, expected: np.ndarray
) -> None:
    sizes = [8, 1, 5, 1, 1, 8, 2, 1] * 8
    starts = np.arange(len(sizes)) % 24
    parts = [slice(at, at + size) for at, size in zip(starts, sizes, strict=True)]
    answers = list(engine.run(photos[part] for part in parts))
    for part, rows in zip(parts, answers, strict=True):
        np.testing.assert_allclose(rows, expected[part], atol=1e-4)


def test_no_more_than_a_few_batches_are_read_ahead(
    engine: OpenVinoEngine, photos: np.ndarray
) -> None:
    asked = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal asked
        while True:
            asked += 1
            yield photos[:8]

    answers = engine.run(endless())
    next(answers)
    first = asked
    for _ in range(20):
        next(answers)
    assert asked - first == 20
    answers.close()  # while some are still being computed


def test_no_batches_give_no_outputs(engine: OpenVinoEngine) -> None:
    assert list(engine.run(iter([]))) == []


@pytest.mark.skipif(not has_bfloat16(), reason="this processor has no bfloat16")
def test_bfloat16_is_used_for_computation(
    directory: Path, photos: np.ndarray, expected: np.ndarray
) -> None:
    (answers,) = OpenVinoEngine(directory, "bfloat16").run([photos[:8]])
    strayed = np.abs(answers - expected[:8]).max() / np.abs(expected[:8]).max()
    assert 1e-5 < strayed < 0.1


def test_openvino_is_imported_without_its_converter() -> None:
    code = """
import sys
from cnnxfer.engines.silent_openvino import openvino
assert "openvino.tools.ovc" not in sys.modules
try:
    openvino.convert_model("nowhere.onnx")
except Exception as error:
    assert "nowhere.onnx" in str(error), error
from openvino.tools.ovc import convert_model
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_openvino_sends_no_usage_reports(tmp_path: Path) -> None:
    """Its telemetry package is not imported, its stub is, and no host is looked up."""
    code = """
import socket, sys
asked = []
socket.getaddrinfo = lambda *arguments, **options: asked.append(arguments) or []
import numpy, keras
from cnnxfer.engines.silent_openvino import openvino
pixels = keras.Input((4, 4, 3))
model = keras.Model(pixels, keras.layers.Flatten()(pixels))
model.export(sys.argv[1], format="openvino", verbose=False)
from openvino.tools.ovc import convert_impl, telemetry_utils
for module in (convert_impl, telemetry_utils):
    assert module.tm.__name__ == "openvino.tools.ovc.telemetry_stub", module.tm
assert sys.modules["openvino_telemetry"] is None
assert not asked, asked
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.xml")], check=True)


STACK = """
import ctypes, sys
from pathlib import Path
from cnnxfer.engines.engine import FEATURES, Network
from cnnxfer.engines.openvino_engine import OpenVinoEngine, has_bfloat16

def stack():
    buffer = ctypes.create_string_buffer(24)
    ctypes.CDLL(None).sigaltstack(None, buffer)
    return buffer.raw[:8], buffer.raw[16:]

before = stack()
has_bfloat16()
engine = OpenVinoEngine(Path(sys.argv[1]), "float32")
assert stack() == before
del engine
assert stack() == before
"""


@pytest.mark.skipif(sys.platform != "linux", reason="is about Linux")
def test_openvino_does_not_change_the_signal_stack(directory: Path) -> None:
    """OpenVINO would leave a freed signal stack, and Ctrl-C would crash."""
    command = [sys.executable, "-c", STACK, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
