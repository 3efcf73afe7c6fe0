import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from images_of_run import (
    keeps_its_known_answers,
    setup_of,
    splits_of,
    validation_accuracy,
)
from killed_runs import without_seconds
from recording_reporter import RecordingReporter
from tiny_phase import Killed

from cnnxfer import api
from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run, find_run
from cnnxfer.tasks.heads import HEAD
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.recovery import MAX_RESTARTS, RATE_DIVISOR
from cnnxfer.training.loop.session import Session
from cnnxfer.training.phases import frozen

Train = Callable[..., Run]


def test_only_the_head_learns(parent: Run, shallow_weights_path: Path) -> None:
    model = load_model(parent.model_path)
    assert np.abs(model.get_layer(HEAD).get_weights()[1]).min() > 0  # began at 0
    fresh = build_backbone(
        BACKBONES.get(parent.config.backbone),
        image_size=parent.config.image_size,
        weights_path=shallow_weights_path,
    )
    pairs = zip(backbone_of(model).weights, fresh.weights, strict=True)
    for trained, original in pairs:
        np.testing.assert_array_equal(trained, original, original.path)


def test_metrics_are_those_of_the_saved_best_epoch(
    parent: Run,
) -> None:
    kept = parent.metrics["frozen"]
    epochs = [
        (float(row["val_accuracy"]), -float(row["val_loss"]), int(row["epoch"]))
        for row in parent.history
    ]
    assert len(epochs) == 3
    assert (kept["val_accuracy"], -kept["val_loss"], kept["epoch"]) == max(epochs)
    assert kept["val_images"] == len(splits_of(parent).validation)
    assert kept["val_accuracy"] == validation_accuracy(parent)


def test_the_best_epoch_is_kept_not_the_last(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([(0.5, 1.0), (0.9, 1.0), (0.9, 2.0)])  # accuracy, loss
    heads = []
    keep = Session.record_epoch

    def keep_scripted(phase: Session, score: Score, row: dict[str, str]) -> None:
        heads.append(phase.model.get_layer(HEAD).get_weights()[0])
        accuracy, loss = next(scores)
        keep(phase, replace(score, figures={"accuracy": accuracy}, loss=loss), row)

    monkeypatch.setattr(Session, "record_epoch", keep_scripted)
    run = train(tmp_path)
    kept = load_model(run.model_path).get_layer(HEAD).get_weights()[0]
    assert [np.array_equal(kept, head) for head in heads] == [False, True, False]
    assert run.metrics["frozen"]["epoch"] == 2


def test_a_nan_loss_is_reported_with_epoch_step_and_rate(
    train: Train, tmp_path: Path
) -> None:
    reporter = RecordingReporter()
    with pytest.raises(RunError) as caught:
        train(tmp_path, optimizer="sgd", lr=1e38, epochs=1, reporter=reporter)
    assert reporter.warnings[0] == (
        "the loss became nan in epoch 1, step 2, at learning rate 7.5e+37: too high. "
        f"The phase begins again, at {1e38 / RATE_DIVISOR:.3g}."
    )
    assert len(reporter.warnings) == MAX_RESTARTS
    end = f"It was lowered {MAX_RESTARTS} times. Try a lower lr, or lr='auto'."
    assert end in str(caught.value)
    run = find_run("latest", tmp_path)
    assert run.receipt["status"] == "failed"
    assert not run.model_path.exists()


KEPT = {"cache": True, "engine": "keras", "epochs": 4}


@pytest.fixture(scope="module")
def on_features(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(tmp_path_factory.mktemp("runs"), **KEPT)


@pytest.mark.parametrize("rows", [None, 0, 1], ids=str)
def test_head_training_that_is_killed_begins_again(
    train: Train,
    tmp_path: Path,
    on_features: Run,
    monkeypatch: pytest.MonkeyPatch,
    rows: int | None,
) -> None:
    """The process dies after an epoch, or when some rows of the history are written."""
    add = Run.add_history

    def die_while_training(note: str) -> None:
        if rows is None and note.startswith("epoch 3/"):
            raise Killed

    def add_or_die(run: Run, *added: dict[str, object]) -> None:
        if rows is not None:
            add(run, *added[:rows]) if rows else None
            raise Killed
        add(run, *added)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "add_history", add_or_die)
        with pytest.raises(Killed):
            train(tmp_path, reporter=RecordingReporter(die_while_training), **KEPT)
    run = find_run("latest", tmp_path)
    run.update_receipt(status="running")
    api.resume(run)
    assert without_seconds(run) == without_seconds(on_features)
    assert run.metrics["frozen"] == on_features.metrics["frozen"]
    models = [load_model(each.model_path).get_weights() for each in (run, on_features)]
    for actual, reference in zip(*models, strict=True):
        np.testing.assert_array_equal(actual, reference)


def test_more_epochs_of_a_head_on_features(train: Train, tmp_path: Path) -> None:
    run = train(tmp_path, **KEPT)
    before = run.history
    run.update_receipt(more_epochs=3)
    learned = frozen.train(setup_of(run), run)
    assert run.config.frozen.epochs == 4
    assert [row["epoch"] for row in run.history] == list(range(1, 8))
    assert run.history[:4] == before
    assert learned.after.as_metrics(10).items() <= run.metrics["frozen"].items()
    assert keeps_its_known_answers(run)


def test_more_epochs_on_new_views(parent: Run, tmp_path: Path) -> None:
    run = Run(tmp_path / parent.name)
    shutil.copytree(parent.path, run.path)
    run.update_receipt(more_epochs=1)
    frozen.train(setup_of(run), run)
    assert [row["epoch"] for row in run.history] == [1, 2, 3, 4]
    assert run.history[:3] == parent.history
    assert run.config == parent.config


def test_a_photo_that_was_damaged_since_is_named(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnxfer.data import prepared

    def split(data: prepared.PreparedData) -> prepared.Splits:
        parts = original(data)
        broken = parts.validation[0].path
        content[broken] = broken.read_bytes()
        broken.write_bytes(content[broken][:100])
        return parts

    original, content = prepared.PreparedData.by_split, {}
    monkeypatch.setattr(prepared.PreparedData, "by_split", split)
    try:
        with pytest.raises(DataError, match=r"\.png cannot be read any more"):
            train(tmp_path)
    finally:
        for path, data in content.items():
            path.write_bytes(data)


def test_a_missing_or_changed_weights_file_is_an_error(
    train: Train, tmp_path: Path, shallow_weights_path: Path
) -> None:
    own_path = tmp_path / "mine.weights.h5"
    own_path.write_bytes(shallow_weights_path.read_bytes())
    run = train(tmp_path / "runs", weights=own_path, epochs=1)
    run.update_receipt(status="interrupted")
    with own_path.open("ab") as stream:
        stream.write(b"!")
    with pytest.raises(RunError, match=r"mine\.weights\.h5 has changed since"):
        api.resume(run)
    own_path.unlink()
    with pytest.raises(ConfigError, match=r"mine\.weights\.h5 no longer exists"):
        api.resume(run)
    run.write_config(replace(run.config, weights=str(shallow_weights_path)))
    assert api.resume(run).receipt["status"] == "done"  # from its new place
