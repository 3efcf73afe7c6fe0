import shutil
from pathlib import Path
from typing import Any

import keras
import pytest
from colours import make_multi_label
from images_of_run import splits_of
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.errors import RunError
from cnnxfer.evaluation.before_after import compare_with_parent
from cnnxfer.evaluation.evaluator import evaluate_run
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


@pytest.fixture
def tuned(colour_run: Run) -> Run:
    """Returns a run without mistakes; its parent, `colour_run`, calls blue green."""
    child = Run(
        Path(shutil.copytree(colour_run.path, colour_run.path.with_name("tuned")))
    )
    child.update_receipt(phase="fine_tune", parent=colour_run.name)
    swapped = keras.saving.load_model(colour_run.model_path)
    (weights,) = swapped.get_weights()
    swapped.set_weights([weights[:, [1, 0, 2]]])
    swapped.save(colour_run.model_path)
    return child


def count(run: Run, part: str, *labels: str) -> int:
    return sum(row.split == part and row.label in labels for row in run.split)


def test_run_and_parent_are_measured_on_validation_and_test(tuned: Run) -> None:
    assert tuned.parent
    reporter = RecordingReporter()
    outcome = compare_with_parent(tuned, splits_of(tuned), reporter)
    assert outcome.test
    for part, evaluation in (
        ("validation", outcome.validation),
        ("test", outcome.test),
    ):
        images = count(tuned, part, "blue", "green", "red")
        assert evaluation.images == images
        assert evaluation.run == tuned.name
        assert evaluation.figures.right.value == 1
        assert evaluation.before
        assert evaluation.before.run == tuned.parent.name
        assert (
            evaluation.before.figures.right.value == count(tuned, part, "red") / images
        )
        assert evaluation.gained == count(tuned, part, "blue", "green")
        assert evaluation.lost == 0
    lines = [message for message in reporter.lines if "->" in message]
    assert lines == outcome.lines
    assert lines[0].startswith(
        f"validation {outcome.validation.before.figures.right.text} -> "
    )
    assert lines[0].endswith("100.0] (95% intervals)")
    assert lines[1].startswith(
        f"test {outcome.test.before.figures.right.text} -> 100.0% ["
    )
    changed = outcome.test.gained
    assert lines[1].endswith(
        f"of {outcome.test.images} images, {changed} became right and 0 wrong: "
        "more than chance"
    )


def test_the_figures_equal_those_of_evaluate(tuned: Run) -> None:
    assert tuned.parent
    outcome = compare_with_parent(tuned, splits_of(tuned), Reporter())
    kept = tuned.metrics
    evaluation = evaluate_run(tuned, tuned.config.data, Reporter(), ClassifierOptions())
    assert evaluation == outcome.test
    assert tuned.metrics == kept
    assert kept["validation"]["images"] == outcome.validation.images
    assert kept["frozen"] == {"val_accuracy": 0.75}
    assert tuned.parent.metrics == {"frozen": {"val_accuracy": 0.75}}


def test_a_run_whose_pictures_have_moved_is_measured_in_int8_beside_its_parent(
    int8: None, tuned: Run, tmp_path: Path
) -> None:
    data = Path(tuned.config.data).rename(tmp_path / "moved")
    found = cnnxfer.evaluate(tuned, data=data, precision="int8")
    assert tuned.parent
    assert found.before
    assert found.before.run == tuned.parent.name


def test_a_model_equal_to_that_of_its_parent_is_not_asked_again(
    tuned: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """This is the case if no epoch beat the parent's model."""
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    assert tuned.parent
    loaded = []

    class Recorded(Classifier):
        def __init__(self, model: ModelSource, *rest: Any, **more: Any) -> None:
            loaded.append(model.name)
            super().__init__(model, *rest, **more)

    monkeypatch.setattr("cnnxfer.prediction.classifier.Classifier", Recorded)
    compare_with_parent(tuned, splits_of(tuned), Reporter())
    assert loaded == [tuned.name, tuned.parent.name]
    tuned.copy_model(tuned.parent)
    loaded.clear()
    outcome = compare_with_parent(tuned, splits_of(tuned), Reporter())
    assert loaded == []
    assert outcome.test
    assert outcome.test.before
    assert outcome.test.before.run == tuned.parent.name
    assert outcome.test.before.figures.right == outcome.test.figures.right
    assert outcome.lines[1].endswith("images, none became right or wrong")


def test_equal_models_with_other_thresholds_are_measured_separately(tuned: Run) -> None:
    """The same weights give other answers with other thresholds."""
    assert tuned.parent
    tuned.copy_model(tuned.parent)
    make_multi_label(tuned, dict.fromkeys(tuned.class_names, 0.99))
    make_multi_label(tuned.parent, dict.fromkeys(tuned.class_names, 0.0))
    outcome = compare_with_parent(tuned, splits_of(tuned), Reporter())
    assert outcome.validation.before
    assert outcome.validation.before.figures.right.value == 0  # all of all images
    assert outcome.validation.figures.right.value > 0


def test_a_run_without_test_images_is_measured_on_validation(tuned: Run) -> None:
    tuned.write_split([row for row in tuned.split if row.split != "test"])
    outcome = compare_with_parent(tuned, splits_of(tuned), Reporter())
    assert outcome.test is None
    assert len(outcome.lines) == 1
    assert "test" not in tuned.metrics


def test_an_image_that_cannot_be_read_is_left_out(tuned: Run, photos_dir: Path) -> None:
    gone = next(row for row in tuned.split if row.split == "test")
    splits = splits_of(tuned)
    (photos_dir / gone.id).write_bytes(b"no image")
    reporter = RecordingReporter()
    outcome = compare_with_parent(tuned, splits, reporter)
    assert outcome.test
    assert outcome.test.unreadable == 1
    assert outcome.test.images == count(tuned, "test", "blue", "green", "red") - 1
    assert any(f"left out {gone.id}" in message for message in reporter.lines)


def test_the_error_names_a_missing_parent(tuned: Run) -> None:
    assert tuned.parent
    shutil.rmtree(tuned.parent.path)
    with pytest.raises(RunError, match="is gone"):
        compare_with_parent(tuned, splits_of(tuned), Reporter())
