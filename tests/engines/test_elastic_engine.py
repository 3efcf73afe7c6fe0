import subprocess
import sys
from collections.abc import Iterable, Iterator
from unittest.mock import Mock

import keras
import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.engines.converted import convert
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.engine import FEATURES, Network
from cnnxfer.engines.keras_engine import KerasEngine
from cnnxfer.errors import DataError, RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.reporting import Reporter


def nothing() -> None:
    """Does nothing while a network is converted."""


class Limited:
    """Answers with the first value of each image; larger batches do not fit.

    Like OpenVINO, it takes batches ahead of its answers.
    """

    name = "limited"
    calibration = ""
    precision = "float32"
    image_size = 1

    def __init__(self, fits: int, batch_size: int = 8, ahead: int = 3) -> None:
        self.fits = fits
        self.batch_size = batch_size
        self.ahead = ahead
        self.sizes: list[int] = []

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        waiting: list[np.ndarray] = []
        for batch in batches:
            waiting.append(batch)
            if len(waiting) > self.ahead:
                yield self._answer(waiting.pop(0))
        while waiting:
            yield self._answer(waiting.pop(0))

    def _answer(self, batch: np.ndarray) -> np.ndarray:
        if len(batch) > self.fits:
            raise RuntimeError("std::bad_alloc")
        self.sizes.append(len(batch))
        return batch[:, 0, 0, :1].astype(np.float32)


def numbered(*sizes: int) -> Iterator[np.ndarray]:
    """Yields batches of one-pixel images that are numbered from 0."""
    start = 0
    for size in sizes:
        numbers = np.arange(start, start + size, dtype=np.uint8)
        yield np.broadcast_to(numbers[:, None, None, None], (size, 1, 1, 3))
        start += size


def test_running_out_of_memory_loses_and_repeats_no_output(
    reporter: RecordingReporter,
) -> None:
    limited = Limited(fits=3)
    engine = ElasticEngine(limited, reporter)
    sizes = [1, 8, 8, 8, 2, 8, 5]
    answers = list(engine.run(numbered(*sizes)))
    assert [len(rows) for rows in answers] == sizes
    np.testing.assert_array_equal(np.concatenate(answers)[:, 0], np.arange(sum(sizes)))
    assert reporter.infos == ["memory runs out: limited goes on with batches of 2"]
    assert max(limited.sizes) == 2
    assert engine.batch_size == 8


def test_the_batch_size_that_fits_is_remembered(reporter: RecordingReporter) -> None:
    engine = ElasticEngine(Limited(fits=2), reporter)
    for _ in range(2):
        list(engine.run(numbered(8)))
    assert len(reporter.infos) == 1


def test_memory_can_run_out_in_the_middle_of_a_run(reporter: RecordingReporter) -> None:
    limited = Limited(fits=8)
    engine = ElasticEngine(limited, reporter)
    answers = engine.run(numbered(*[8] * 10))
    found = [next(answers) for _ in range(3)]
    limited.fits = 4
    found.extend(answers)
    assert [len(rows) for rows in found] == [8] * 10
    np.testing.assert_array_equal(np.concatenate(found)[:, 0], np.arange(80))
    assert len(reporter.infos) == 1


def test_a_single_image_that_does_not_fit_is_an_error(
    reporter: RecordingReporter,
) -> None:
    engine = ElasticEngine(Limited(fits=0), reporter)
    with pytest.raises(RunError, match=r"limited with one image at a time\. Try a sm"):
        list(engine.run(numbered(8)))
    assert reporter.infos == []


def test_other_errors_are_raised_unchanged(reporter: RecordingReporter) -> None:
    class Broken(Limited):
        def _answer(self, batch: np.ndarray) -> np.ndarray:
            raise RuntimeError("no such layer")

    with pytest.raises(RuntimeError, match="no such layer"):
        list(ElasticEngine(Broken(fits=8), reporter).run(numbered(8)))


@pytest.mark.parametrize("error", [MemoryError(), DataError("not an image")], ids=repr)
def test_errors_of_the_input_iterator_end_the_run(
    error: Exception, reporter: RecordingReporter
) -> None:
    """An iterator that has failed cannot be continued."""

    def failing() -> Iterator[np.ndarray]:
        yield from numbered(8)
        raise error

    engine = ElasticEngine(Limited(fits=8), reporter)
    with pytest.raises(type(error)):
        list(engine.run(failing()))
    assert reporter.infos == []


def test_no_more_batches_are_read_ahead_than_by_the_engine(
    reporter: RecordingReporter,
) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield from numbered(8)

    answers = ElasticEngine(Limited(fits=4, ahead=3), reporter).run(endless())
    for _ in range(10):
        next(answers)
    assert taken <= 14


class ResourceExhaustedError(Exception):
    """An error with TensorFlow's name."""


class OutOfMemoryError(RuntimeError):
    """An error with PyTorch's name, which is the same on every device."""


class Narrower(OutOfMemoryError):
    """A subclass of PyTorch's error."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("{{node conv}} OOM when allocating tensor"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4096 bytes."),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        OutOfMemoryError("tried to give 20 GiB"),
        Narrower("no room"),
        RuntimeError("Exception from src/core:\nstd::bad_alloc\n"),
    ],
    ids=lambda error: str(error)[:20],
)
def test_out_of_memory_errors_of_all_engines_are_recognized(error: Exception) -> None:
    assert is_out_of_memory(error)


def test_the_resource_error_of_tensorflow_is_recognized() -> None:
    import tensorflow as tf

    assert is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "no room"))
    assert not is_out_of_memory(tf.errors.InvalidArgumentError(None, None, "no"))


def test_other_errors_are_not_taken_for_out_of_memory() -> None:
    assert not is_out_of_memory(ValueError("a shape is wrong"))
    assert not is_out_of_memory(KeyboardInterrupt())


def test_keras_pads_smaller_batches_to_the_size_that_fits(
    model: keras.Model,
    photos: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    reporter: RecordingReporter,
) -> None:
    predict = model.predict_on_batch

    def limited(batch: np.ndarray) -> np.ndarray:
        if len(batch) > 4:
            raise MemoryError
        return predict(batch)

    monkeypatch.setattr(model, "predict_on_batch", limited)
    engine = ElasticEngine(KerasEngine(model, 8), reporter)
    answers = list(engine.run([photos[:8], photos[8:16], photos[16:19]]))
    assert [len(rows) for rows in answers] == [8, 8, 3]


LIMITED = """
import os, resource, sys
from pathlib import Path
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # each takes its share
import numpy as np
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.openvino_engine import OpenVinoEngine
from cnnxfer.reporting import Reporter

class Told(Reporter):
    def info(self, message):
        print(message)

engine = OpenVinoEngine(Path(sys.argv[1]), "float32", 256)
pixels = np.random.default_rng(0).integers(0, 256, (256, 64, 64, 3), np.uint8)
first = np.concatenate(list(engine.run([pixels[:4], pixels[4:8]])))
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 150 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
answers = list(ElasticEngine(engine, Told()).run([pixels, pixels[::-1]]))
assert [len(rows) for rows in answers] == [256, 256]
np.testing.assert_allclose(answers[0][:8], first, atol=1e-5)
np.testing.assert_allclose(answers[1][::-1], answers[0], atol=1e-5)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited by its size")
def test_openvino_continues_after_running_out_of_memory() -> None:
    """A convolution's output for a batch of 256 takes 268 MB; 150 MB are free."""
    pixels = keras.Input((64, 64, 3))
    x = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(pixels)
    x = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    model = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))
    network = Network("a network that takes much memory", 64, Mock(), FEATURES)
    directory = convert(network, lambda: model, nothing, Reporter())
    command = [sys.executable, "-c", LIMITED, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = "memory runs out: openvino goes on with batches of "
    sizes = [int(line.removeprefix(told)) for line in done.stdout.splitlines()]
    # How often it halves depends on what the threads' heaps take of the room; a size
    # that fits is kept for the next batch, and none is tried twice.
    assert sizes
    assert sizes[0] < 256
    assert sizes == sorted(set(sizes), reverse=True)
