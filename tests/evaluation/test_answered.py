"""Tests that answers are computed once, and afterwards taken from the cache."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recording_reporter import RecordingReporter, pressing_ctrl_c

import cnnxfer
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import TRAIN, Example
from cnnxfer.engines import choice
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.errors import RunError
from cnnxfer.evaluation.answered import answers_to
from cnnxfer.files import file_hash
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.runs import Run

AUTO = ClassifierOptions()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], int]:
    """Returns how many images engines were asked about since the last call."""
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    counts = [0]
    run = ElasticEngine.run

    def counting(
        engine: ElasticEngine, batches: Iterable[np.ndarray]
    ) -> Iterator[np.ndarray]:
        for rows in run(engine, batches):
            counts[0] += len(rows)
            yield rows

    def since() -> int:
        count, counts[0] = counts[0], 0
        return count

    monkeypatch.setattr(ElasticEngine, "run", counting)
    return since


def example(path: Path) -> Example:
    return Example(path.name, Labels((0,)), None, path, sha256=file_hash(path))


def test_answers_in_int8_are_kept_apart(
    int8: None, colour_run: Run, asked: Callable[[], int], tmp_path: Path
) -> None:
    first = cnnxfer.evaluate(colour_run)
    assert asked() >= first.images
    for asks in (True, False):
        cnnxfer.evaluate(colour_run, precision="int8")
        assert bool(asked()) == asks
    data = Path(colour_run.config.data).rename(tmp_path / "moved")
    cnnxfer.evaluate(colour_run, data=data, precision="int8")
    assert not asked(), "it is calibrated on the same pictures, which have moved"
    for row in colour_run.split:
        if row.split == TRAIN:
            (data / row.id).unlink()
    with pytest.raises(RunError, match=r"int8 is calibrated on training pictures, and"):
        cnnxfer.evaluate(colour_run, data=data, precision="int8")


def test_keras_answers_on_a_gpu_where_bfloat16_is_asked_for(
    colour_run: Run, asked: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_on_cpu", lambda: False)
    found = cnnxfer.evaluate(colour_run, precision="bfloat16")
    assert asked() >= found.images > 0


def test_only_what_is_new_is_asked(
    colour_run: Run,
    asked: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    first = cnnxfer.evaluate(colour_run)
    assert asked() == first.images
    with monkeypatch.context() as patch:  # the second loads no network
        patch.setattr("cnnxfer.prediction.classifier.Classifier", None)
        assert cnnxfer.evaluate(colour_run) == first
    assert cnnxfer.evaluate(colour_run, engine="keras") == first
    assert asked() == 0

    photos = sorted(Path(colour_run.config.data).rglob("*.jpg"))
    examples = [example(path) for path in photos]
    reporter = RecordingReporter()
    answered = answers_to(colour_run, [*examples, examples[0]], reporter, AUTO)
    assert asked() == len(photos) - first.images
    assert reporter.infos[0] == (
        f"{first.images} of 36 images answered before, by keras in float32"
    )
    assert answered.examples == (*examples, examples[0])
    np.testing.assert_array_equal(answered.found[0], answered.found[-1])
    pictures = [Image.open(path) for path in photos]
    assert list(answered.sizes[:-1]) == [picture.size for picture in pictures]

    photos[0].write_bytes(photos[-1].read_bytes() + b"changed")
    changed = answers_to(colour_run, [example(photos[0])], reporter, AUTO)
    assert asked() == 1
    np.testing.assert_allclose(changed.found[0], answered.found[-2], atol=1e-6)

    def openvino(classifier: Classifier) -> tuple[str, str] | None:
        return ("openvino", "float32") if classifier._engines else None

    # What another engine has answered is not mixed with what this one does.
    photos[1].write_bytes(photos[-1].read_bytes() + b"changed, too")
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "variant", property(openvino))
        for expected in (3, 0):
            answers_to(
                colour_run, [example(path) for path in photos[:3]], reporter, AUTO
            )
            assert asked() == expected


def test_what_was_answered_before_an_interruption_is_kept(
    colour_run: Run, asked: Callable[[], int]
) -> None:
    photos = sorted(Path(colour_run.config.data).rglob("*.jpg"))
    examples = [example(path) for path in photos]
    with pytest.raises(KeyboardInterrupt):
        answers_to(colour_run, examples, pressing_ctrl_c("evaluating"), AUTO)
    asked()
    photos[-1].unlink()
    reporter = RecordingReporter()
    answered = answers_to(colour_run, [examples[0], examples[-1]], reporter, AUTO)
    assert asked() == 0
    assert (answered.examples, answered.unreadable) == ((examples[0],), 1)
    (warning,) = reporter.warnings
    assert warning.startswith(f"left out {photos[-1].name}: no such file")
