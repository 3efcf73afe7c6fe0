import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnxfer
from cnnxfer.errors import DataError, RunError
from cnnxfer.evaluation.metrics import ClassCount
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


class Warnings(Reporter):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def warn(self, message: str) -> None:
        self.messages.append(message)


def test_measures_the_test_part_and_keeps_the_figures(colour_run: Run) -> None:
    evaluation = cnnxfer.evaluate(colour_run)
    assert evaluation.run == colour_run.name
    assert evaluation.images == 9  # a quarter of 36
    assert evaluation.top1.value == 1
    assert evaluation.top1.low == pytest.approx(0.7009, abs=5e-5)
    assert evaluation.top5 is None
    assert evaluation.before is None
    assert evaluation.classes == tuple(
        ClassCount(name, images=3, correct=3) for name in ("blue", "green", "red")
    )
    metrics = colour_run.metrics
    assert metrics["test"]["top1"]["value"] == 1
    assert metrics["frozen"] == {"val_accuracy": 0.75}


def test_other_data_is_measured_by_class_name(
    colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    """Labels differ where classes are missing; the names decide."""
    other = tmp_path / "other"
    shutil.copytree(photos_dir / "green", other / "green")
    shutil.copytree(photos_dir / "red", other / "red")
    for name in ("00.jpg", "01.jpg", "02.jpg"):
        (other / "red" / name).rename(other / "green" / f"moved-{name}")
    evaluation = cnnxfer.evaluate(colour_run, data=other)
    assert evaluation.classes == (
        ClassCount("blue", images=0, correct=0),
        ClassCount("green", images=15, correct=12),
        ClassCount("red", images=9, correct=9),
    )
    assert evaluation.top1.value == 21 / 24
    assert "test" not in colour_run.metrics


def test_an_unreadable_image_is_left_out_and_counted(
    colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(photos_dir, tmp_path / "other")
    (other / "red/00.jpg").write_bytes(b"no image")
    reporter = Warnings()
    evaluation = cnnxfer.evaluate(colour_run, data=other, reporter=reporter)
    assert (evaluation.images, evaluation.unreadable) == (35, 1)
    assert reporter.messages == ["left out red/00.jpg: not an image"]


def test_a_fine_tuned_run_is_measured_beside_its_parent(colour_run: Run) -> None:
    child = Run(Path(shutil.copytree(colour_run.path, colour_run.path / "../child")))
    child.update_receipt(parent=colour_run.name)
    swapped = keras.saving.load_model(colour_run.model_path)
    (weights,) = swapped.get_weights()
    swapped.set_weights([weights[:, [1, 0, 2]]])  # blue is green and green is blue
    swapped.save(colour_run.model_path)
    evaluation = cnnxfer.evaluate(child)
    assert evaluation.top1.value == 1
    assert evaluation.before is not None
    assert evaluation.before.value == pytest.approx(1 / 3)
    assert child.metrics["test"]["before"]["value"] == pytest.approx(1 / 3)
    assert "test" not in colour_run.metrics


def test_evaluate_and_predict_agree(colour_run: Run, photos_dir: Path) -> None:
    predictions = list(cnnxfer.predict(photos_dir, model=colour_run, top=1))
    right = [Path(item.path).parent.name == item.top.label for item in predictions]
    evaluation = cnnxfer.evaluate(colour_run, data=photos_dir)
    assert len(right) == 36
    assert evaluation.top1.value == np.mean(right)


def test_classes_that_the_run_does_not_know_are_refused(
    colour_run: Run, photos_dir: Path
) -> None:
    (photos_dir / "red").rename(photos_dir / "rot")
    with pytest.raises(DataError, match=r"doesn't know: rot\. It knows: blue, green"):
        cnnxfer.evaluate(colour_run, data=photos_dir)


def test_a_run_without_a_model_is_refused(colour_run: Run) -> None:
    colour_run.model_path.unlink()
    with pytest.raises(RunError, match="has no trained model yet"):
        cnnxfer.evaluate(colour_run)
