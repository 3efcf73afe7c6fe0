"""Images with any number of labels, from a table to thresholds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images_of_run import splits_of
from PIL import Image, ImageDraw
from recording_reporter import pressing_ctrl_c

import cnnxfer
from cnnxfer import api
from cnnxfer.data.views.views import CentralViews, pixel_batches
from cnnxfer.errors import Interrupted
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run, find_run
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.session import Session

Train = Callable[..., Run]
SHARES = {"disc": 0.5, "square": 0.3, "triangle": 0.2}  # of the images


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a table of 90 noisy images, each with none to all of three shapes."""
    root = tmp_path_factory.mktemp("shapes")
    random = np.random.default_rng(0)
    lines = ["path,label"]
    for number in range(90):
        names = [name for name, share in SHARES.items() if random.random() < share]
        noise = random.integers(90, 150, (72, 80), np.uint8)
        picture = Image.fromarray(noise).convert("RGB")
        for name in names:
            _draw(picture, name, random.integers(0, 45, 2))
        picture.save(root / f"{number}.png")
        lines.append(f"{number}.png,{'|'.join(names)}")
    (root / "shapes.csv").write_text("\n".join(lines) + "\n")
    return root / "shapes.csv"


def _draw(picture: Image.Image, name: str, corner: np.ndarray) -> None:
    pen, (x, y) = ImageDraw.Draw(picture), corner.tolist()
    if name == "disc":
        pen.ellipse([x, y, x + 26, y + 26], fill=(230, 30, 30))
    elif name == "square":
        pen.rectangle([x, y, x + 26, y + 26], fill=(30, 220, 30))
    else:
        pen.polygon([(x, y + 26), (x + 26, y + 26), (x + 13, y)], fill=(30, 30, 230))


@pytest.fixture
def settings(table: Path) -> dict[str, Any]:
    return {"data": table, "split": "60/40/0", "batch": 16}


@pytest.fixture(scope="module")
def parent(train: Train, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    runs_dir = tmp_path_factory.mktemp("runs")
    return train(runs_dir, data=table, split="60/40/0", batch=16, epochs=2)


def targets_of(run: Run) -> np.ndarray:
    labels = [example.labels for example in splits_of(run).validation]
    return np.array([[label in each for label in range(3)] for each in labels])


def test_a_head_learns_each_shape_by_itself(table: Path, tmp_path: Path) -> None:
    run = cnnxfer.train(
        data=table,
        split="60/40/0",
        image_size=64,
        engine="keras",
        epochs=15,
        runs_dir=tmp_path,
    )
    assert run.class_names == tuple(SHARES)
    kept = run.metrics["frozen"]
    assert kept["monitor"] == "mean-average-precision"
    assert kept["val_mean_average_precision"] > 0.95
    assert kept["val_macro_f1"] > 0.85
    column = "val_mean_average_precision"
    assert kept[column] == max(float(row[column]) for row in run.history)
    assert "labels are the same" in kept["agreement"]
    # The thresholds are those of the model that was kept.
    thresholds = run.thresholds
    assert thresholds
    assert set(thresholds) == set(SHARES)
    assert set(thresholds.values()) != {0.5}
    # What was split is found again, with all labels of each image.
    targets = targets_of(run)
    assert set(targets.sum(axis=1)) == {0, 1, 2, 3}
    labels = {row.id: row.label for row in run.split}
    assert "disc|square|triangle" in labels.values()
    assert "" in labels.values()


def test_thresholds_apply_to_the_logits_of_the_saved_network(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Score, "beats", lambda self, other: True)
    run = cnnxfer.unfreeze(parent, lr=0.01, epochs=2, last="20%")
    assert run.metrics["fine_tune"]["epoch"] == 2
    assert run.metrics["fine_tune"]["monitor"] == "mean-average-precision"
    examples = splits_of(run).validation
    (pixels,) = pixel_batches(
        examples, [CentralViews(0.875)], image_size=64, batch_size=len(examples)
    )
    logits = load_model(run.model_path).predict_on_batch(pixels)
    assert (logits < 0).any(), "these are probabilities"
    logits = logits.astype(np.float64) / (run.temperature or 1)
    probabilities = 1 / (1 + np.exp(-logits))
    thresholds = [run.thresholds[name] for name in run.class_names]
    answers, targets = probabilities.round(6) >= thresholds, targets_of(run)
    hits, total = (answers & targets).sum(0), answers.sum(0) + targets.sum(0)
    f1 = float(np.mean(2 * hits / total))
    assert run.metrics["fine_tune"]["val_macro_f1"] == pytest.approx(f1, abs=1e-5)


def test_fine_tuning_that_fails_keeps_the_parents_thresholds(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Score, "beats", lambda self, other: other is None)
    child = cnnxfer.unfreeze(parent, lr=0.001, epochs=1, last="100%")
    assert child.model_path.read_bytes() == parent.model_path.read_bytes()
    assert child.metrics["fine_tune"]["epoch"] == 0
    assert child.thresholds == parent.thresholds
    assert child.temperature == parent.temperature


def test_what_is_fitted_changes_only_with_the_model(
    train: Train,
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the second of three epochs is better than the previous one."""
    checkpoint, seen = Session.checkpoint, []

    def watch(phase: Session) -> None:
        checkpoint(phase)
        run = phase.recorder.run
        seen.append([*run.thresholds.values(), run.temperature])

    values = iter([(0.5, 3), (0.9, 2), (0.1, 1)])
    original = Session.score

    def score(phase: Session, epoch: int) -> Score:
        value, number = next(values)
        found = original(phase, epoch)
        return replace(
            found,
            figures={**found.figures, found.monitor: value},
            thresholds=dict.fromkeys(SHARES, number / 10),
            temperature=None if number == 1 else number / 2,
        )

    monkeypatch.setattr(Session, "checkpoint", watch)
    monkeypatch.setattr(Session, "score", score)
    train(tmp_path, epochs=3, **settings)
    first, second = [0.3, 0.3, 0.3, 1.5], [0.2, 0.2, 0.2, 1.0]
    assert seen == [[None], first, second, second]  # before and after each epoch


def test_a_run_is_multi_label_from_its_beginning(
    train: Train, settings: dict[str, Any], tmp_path: Path
) -> None:
    options = {"cache": True, "engine": "keras", "epochs": 1, **settings}
    with pytest.raises(Interrupted):
        train(tmp_path, reporter=pressing_ctrl_c("training the head"), **options)
    run = find_run("latest", tmp_path)
    assert run.config.task == "multi-label"
    assert run.thresholds == {}
    api.resume(run)
    assert run.metrics["frozen"]["monitor"] == "mean-average-precision"
    assert set(run.thresholds) == set(SHARES)
