"""A head on features is trained by the loop, as any network is."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from recording_reporter import RecordingReporter
from tiny_phase import Killed, at_update, kill

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config, Frozen
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.prepared import Splits
from cnnxfer.errors import RunError
from cnnxfer.networks.classifier import BACKBONE
from cnnxfer.runs import Run
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.tasks.heads import class_head
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop import time_budget
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.recorder import Recorder, RunRecorder
from cnnxfer.training.loop.search import search
from cnnxfer.training.loop.session import Session
from cnnxfer.training.optimization import learning_rate_search
from cnnxfer.training.optimization.devices import Devices
from cnnxfer.training.phases.pooled_features import PooledFeatures
from cnnxfer.training.setup import Setup

CLASSES = 3
CHANNELS = 8
SIZE = 32  # of the images in pixels; none is looked at
ALWAYS = 1e-9  # a checkpoint after every update


class Rows:
    """Features in memory, which note what is read."""

    def __init__(self, features: np.ndarray) -> None:
        self.features = features
        self.shape = features.shape
        self.batches: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, indices: Any) -> np.ndarray:
        if isinstance(indices, np.ndarray):
            self.batches.append(indices)
        return self.features[indices]


def features_of(
    labels: np.ndarray, seed: int, noise: float = 1.0, mean: float = 2.0
) -> np.ndarray:
    """Returns overlapping clouds of points around a common mean, one for each class."""
    centres = np.random.default_rng(0).normal(size=(CLASSES, CHANNELS))
    spread = np.random.default_rng(seed).normal(size=(len(labels), CHANNELS))
    return (mean + centres[labels] + noise * spread).astype(np.float32)


TRAIN_LABELS, LABELS = np.arange(120) % CLASSES, np.arange(60) % CLASSES
VIEWS = [features_of(TRAIN_LABELS, seed) for seed in (1, 2)]
VALIDATION = features_of(LABELS, 3)


def tiny_classifier(head: str, dropout: float) -> keras.Model:
    pixels = keras.Input((SIZE, SIZE, 3))
    convolution = keras.layers.Conv2D(CHANNELS, 1)(pixels)
    x = keras.Model(pixels, convolution, name=BACKBONE)(pixels)
    x = keras.layers.GlobalAveragePooling2D(name=POOLED)(x)
    for layer in class_head(head, CLASSES, dropout):
        x = layer(x)
    classifier = keras.Model(pixels, x)
    classifier.get_layer(BACKBONE).trainable = False
    return classifier


def begin(
    path: Path | None = None,
    views: Sequence[np.ndarray | Rows] = VIEWS,
    labels: np.ndarray = TRAIN_LABELS,
    validation: np.ndarray = VALIDATION,
    validation_labels: np.ndarray = LABELS,
    *,
    extra_epochs: int = 0,
    phase: dict[str, Any] | None = None,
    **config: Any,
) -> Session:
    """Returns the training of a head at its beginning, or at its last checkpoint."""

    def examples(of: np.ndarray) -> list[Example]:
        return [
            Example(str(i), Labels((int(of[i]),)), None, Path()) for i in range(len(of))
        ]

    config = {"dropout": 0.0, "batch_size": "default", "image_size": SIZE, **config}
    settings = replace(Config(), task="classification", **config)
    setup = Setup(
        config=settings,
        backbone=BACKBONES.get("mobilenet-0.25"),
        class_names=("a", "b", "c"),
        splits=Splits(examples(labels), examples(validation_labels), []),
        devices=Devices(),
        precision="float32",
        reporter=RecordingReporter(),
        task=TASKS.get("classification"),
    )
    classifier = tiny_classifier(settings.head, settings.dropout)
    trained = PooledFeatures(
        setup,
        classifier,
        classifier,
        None,
        [view if isinstance(view, Rows) else Rows(view) for view in views],
        Rows(validation),
    )
    recorder = Recorder(classifier)
    if path:
        path.mkdir(exist_ok=True)
        run = Run(path)
        run.write_config(settings)
        run.write_classes(setup.class_names)
        recorder = RunRecorder(run, classifier, len(validation_labels))
    checkpoint = recorder.last_checkpoint()
    values = {"learning_rate": 0.01, "epochs": 4, "weight_decay": 0.0}
    session = Session(
        setup,
        "frozen",
        Frozen(**{**values, "patience": "none", **(phase or {})}),
        trained,
        recorder,
        checkpoint=checkpoint,
        extra_epochs=extra_epochs,
    )
    if not checkpoint:
        search(session)
    return session


def weights_of(session: Session) -> list[np.ndarray]:
    assert session.recorder.best
    return session.recorder.best


def scored_by_classifier(session: Session, features: np.ndarray) -> Score:
    """Returns the score of the classifier that is saved, on features as they are."""
    session.recorder.restore_best()
    logits = session.model.predict_on_batch(features)
    return session.objective.score(logits, session.validation_targets, 0)


@pytest.mark.parametrize("head", ["linear", "mlp", "euclidean"])
@pytest.mark.parametrize("scale", [1e-17, 100.0])
def test_features_of_any_scale_are_learned_alike(head: str, scale: float) -> None:
    rate = {"learning_rate": 0.03}
    validation = np.float32(scale) * VALIDATION
    session = begin(
        None, [scale * view for view in VIEWS], TRAIN_LABELS, validation,
        head=head, phase=rate,
    )  # fmt: skip
    score = fit(session)
    assert score.figures["accuracy"] > 0.8
    plain = fit(begin(head=head, phase=rate))
    assert score.loss == pytest.approx(plain.loss, rel=1e-2)
    # The weights are for the features as they are.
    answers = scored_by_classifier(session, validation)
    assert answers.figures == score.figures
    assert answers.loss == pytest.approx(score.loss, abs=1e-4)


def test_a_large_common_mean_does_not_matter() -> None:
    views = [features_of(TRAIN_LABELS, seed, mean=200.0) for seed in (1, 2)]
    validation = features_of(LABELS, 3, mean=200.0)
    session = begin(None, views, TRAIN_LABELS, validation)
    score = fit(session)
    assert score.loss == pytest.approx(fit(begin()).loss, rel=1e-2)
    answers = scored_by_classifier(session, validation)
    assert answers.loss == pytest.approx(score.loss, rel=1e-2)


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    settings = {"learning_rate": 0.3, "schedule": "constant", "epochs": 8}
    session = begin(tmp_path / "run", phase=settings)
    score = fit(session)
    history = session.recorder.run.history
    rows = [(float(row["val_accuracy"]), -float(row["val_loss"])) for row in history]
    best = rows.index(max(rows))
    assert best < len(rows) - 1, "the last is the best, which shows nothing"
    assert score.epoch == best + 1
    answers = scored_by_classifier(session, VALIDATION)
    assert answers.loss == pytest.approx(score.loss, abs=1e-4)
    saved = keras.saving.load_model(session.recorder.run.model_path)
    for actual, kept in zip(saved.get_weights()[-2:], weights_of(session), strict=True):
        np.testing.assert_array_equal(actual, kept)


def test_an_average_is_what_is_scored_and_kept() -> None:
    session = begin(phase={"learning_rate": 1.0, "ema": 0.9, "epochs": 6})
    score = fit(session)
    answers = scored_by_classifier(session, VALIDATION)
    assert answers.loss == pytest.approx(score.loss, abs=1e-4)


@pytest.mark.parametrize("head", ["linear", "mlp", "euclidean"])
def test_the_seed_determines_every_bit(head: str) -> None:
    found = []
    for seed in (5, 5, 6):
        session = begin(head=head, dropout=0.3, seed=seed)
        fit(session)
        found.append(weights_of(session))
    for one, same in zip(*found[:2], strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(found[0][0], found[2][0])


def test_a_batch_is_a_fortieth_of_the_images_by_default() -> None:
    labels = np.arange(400) % CLASSES
    session = begin(None, [features_of(labels, 1)], labels)
    assert (session.progress.batch_size, session.progress.steps_per_epoch) == (10, 40)
    assert begin().progress.batch_size == 4


def test_each_epoch_takes_the_next_view_in_another_order() -> None:
    views = [Rows(view) for view in VIEWS]
    fit(begin(None, views, batch_size=50, phase={"epochs": 3}))
    assert [len(view.batches) for view in views] == [4, 2]
    first, third = np.split(np.concatenate(views[0].batches), 2)
    for epoch in (first, third, np.concatenate(views[1].batches)):
        assert len(set(epoch)) == 100  # two whole batches; the rest is left out
    assert not np.array_equal(first, third)


def test_a_repeated_image_is_seen_in_another_view() -> None:
    labels = np.repeat([0, 1, 2], [56, 56, 8])
    views = [Rows(features_of(labels, seed)) for seed in (1, 2)]
    once = {"epochs": 1}
    fit(begin(None, views, labels, batch_size=60, sampling="balanced", phase=once))
    rare = [
        np.concatenate(view.batches)[labels[np.concatenate(view.batches)] == 2]
        for view in views
    ]
    # 40 draws of 8 images: five times each, in turns.
    assert np.bincount(rare[0], minlength=120)[-8:].tolist() == [3] * 8
    assert np.bincount(rare[1], minlength=120)[-8:].tolist() == [2] * 8


def test_a_rate_that_was_found_is_used_as_if_set() -> None:
    """The trials leave nothing behind, not even in the optimizer."""
    settings = {"optimizer": "sgd", "ema": 0.5}
    found = begin(dropout=0.2, head="mlp", phase={"learning_rate": "auto", **settings})
    assert found.progress.peak in learning_rate_search.TRIED
    (said,) = found.setup.reporter.infos
    assert f"learning rate {found.progress.peak:g}: the lowest validation loss" in said
    rate = {"learning_rate": found.progress.peak}
    known = begin(dropout=0.2, head="mlp", phase={**rate, **settings})
    for session in (found, known):
        fit(session)
    for one, other in zip(weights_of(found), weights_of(known), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_rate_that_diverges_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_rate_search, "TRIED", (1e37, 0.01, 1e38))
    session = begin(phase={"learning_rate": "auto", "schedule": "constant"})
    assert session.progress.peak == 0.01
    assert "1e+38: inf" in session.setup.reporter.infos[0]


def test_a_set_rate_that_diverges_is_lowered() -> None:
    session = begin(phase={"learning_rate": 1e38, "schedule": "constant"})
    with pytest.raises(RunError, match=r"It was lowered 3 times\. Try a lower lr"):
        fit(session)
    assert all("the loss" in line for line in session.setup.reporter.warnings)


def test_odd_features() -> None:
    constant = np.ones((120, CHANNELS), np.float32)
    score = fit(begin(None, [constant], TRAIN_LABELS, constant[:60]))
    assert score.figures["accuracy"] == pytest.approx(1 / CLASSES, abs=1e-6)
    broken = VIEWS[0].copy()
    broken[7, 3] = np.nan
    with pytest.raises(RunError, match=r"not finite numbers.*precision='float32'"):
        begin(None, [broken])


@pytest.mark.parametrize(
    "balance", [{"class_weights": "auto"}, {"sampling": "balanced"}], ids=str
)
def test_balancing_finds_more_of_a_rare_class(balance: dict[str, str]) -> None:
    labels = np.where(np.arange(240) % 20 == 0, 2, np.arange(240) % 2)
    views, validation = [features_of(labels, 1, 2.5)], features_of(labels, 2, 2.5)

    def found(**settings: Any) -> float:
        once = {"epochs": 1}
        session = begin(None, views, labels, validation, labels, phase=once, **settings)
        fit(session)
        session.recorder.restore_best()
        answers = session.model.predict_on_batch(validation).argmax(1)
        return float(np.mean(answers[labels == 2] == 2))

    assert found(**balance) > found() + 0.2


def end_of(session: Session) -> dict[str, Any]:
    run = session.recorder.run
    model = keras.saving.load_model(run.model_path)
    return {
        "weights": [weight.tobytes() for weight in model.get_weights()[-2:]],
        "history": [{**row, "seconds": ""} for row in run.history],
        "metrics": run.metrics,
    }


@pytest.mark.parametrize("every", [ALWAYS, 300.0], ids=["in time", "too early"])
def test_a_killed_head_ends_as_if_undisturbed(tmp_path: Path, every: float) -> None:
    """It goes on from a checkpoint if there is one, and begins again if not."""
    settings = {"dropout": 0.3, "checkpoint_every": every}
    known = begin(tmp_path / "known", **settings)
    fit(known)
    session = begin(tmp_path / "run", **settings)
    at_update(session, 40, kill)
    with pytest.raises(Killed):
        fit(session)
    session = begin(tmp_path / "run", **settings)
    assert session.progress.updates == (40 if every == ALWAYS else 0)
    fit(session)
    assert end_of(session) == end_of(known)


def test_an_epoch_of_a_moment_writes_no_file(tmp_path: Path) -> None:
    session = begin(tmp_path / "run")
    at_update(session, 100, kill)  # in the fourth epoch
    with pytest.raises(Killed):
        fit(session)
    names = {path.name for path in (tmp_path / "run").rglob("*")}
    began_with = {"config.toml", "classes.json"}
    assert names - began_with == {"checkpoints", "000001.json", "000001.npz"}


def test_a_finished_head_goes_on_for_more_epochs(tmp_path: Path) -> None:
    fit(begin(tmp_path / "run"))
    session = begin(tmp_path / "run", extra_epochs=2)
    fit(session)
    assert [row["epoch"] for row in session.recorder.run.history] == list(range(1, 7))
    session = begin(tmp_path / "run", extra_epochs=2)  # the best is on disk alone
    session.recorder.restore_best()
    logits = session.model.predict_on_batch(VALIDATION)
    score = session.objective.score(logits, session.validation_targets, 0)
    assert score.loss == pytest.approx(session.best.loss, abs=1e-4)


def test_the_time_budget_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "measure", lambda *_: (1.0, 10.0))
    for seconds, epochs in ((100.0, 2), (5.0, 1)):  # an epoch takes 40 seconds
        session = begin(time_budget=seconds)
        fit(session)
        assert session.progress.epochs == epochs
        assert session.progress.updates == 30 * epochs  # whole ones


def test_the_batch_can_be_found_and_divided() -> None:
    found = begin(batch_size="auto")
    assert any(said.startswith("batches of ") for said in found.setup.reporter.infos)
    one, four = (begin(batch_size=40, phase={"accumulate": parts}) for parts in (1, 4))
    for session in (found, one, four):
        fit(session)
    for whole, parts in zip(weights_of(one), weights_of(four), strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-3, atol=1e-5)
    assert four.progress.part_size == 10
