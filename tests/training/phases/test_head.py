import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tiny_phase import tiny_setup

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config, Phase, override
from cnnxfer.config.setting import settings_in
from cnnxfer.errors import RunError
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.networks.saving import load_model, save_model
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.class_task import ClassObjective
from cnnxfer.tasks.class_weights import class_weights as weights_of
from cnnxfer.tasks.classification import SoftmaxObjective
from cnnxfer.tasks.heads import dense_head
from cnnxfer.tasks.multi_label import SigmoidObjective
from cnnxfer.tasks.score import Score
from cnnxfer.training.optimization.learning_rates import Rates
from cnnxfer.training.phases import head as head_module
from cnnxfer.training.phases import head_on_features
from cnnxfer.training.phases.head import Head, HeadSettings, fit_head

CLASSES = 3
CHANNELS = 8


def labels_of(images: int) -> np.ndarray:
    return np.arange(images) % CLASSES


def features_of(
    labels: np.ndarray, seed: int, noise: float = 1.0, mean: float = 2.0
) -> np.ndarray:
    """Returns overlapping clouds of points around a common mean, one for each class."""
    centres = np.random.default_rng(0).normal(size=(CLASSES, CHANNELS))
    spread = np.random.default_rng(seed).normal(size=(len(labels), CHANNELS))
    return (mean + centres[labels] + noise * spread).astype(np.float32)


TRAIN_LABELS, LABELS = labels_of(120), labels_of(60)
VIEWS = [features_of(TRAIN_LABELS, seed) for seed in (1, 2)]
VALIDATION = features_of(LABELS, 3)


def one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[labels]


def objective_of(
    targets: np.ndarray,
    class_weights: str = "none",
    kind: type[ClassObjective] = SoftmaxObjective,
    **values: Any,
) -> Any:
    settings = {
        "class_names": "abc",
        "class_weights": weights_of(class_weights, "abc", targets),
        "focal_gamma": 0.0,
        "label_smoothing": 0.0,
        "monitor": "accuracy",
    }
    return kind(**{**settings, **values})


def measure(logits: np.ndarray, labels: np.ndarray, epoch: int) -> Score:
    targets = one_hot(labels)
    return objective_of(targets).score(logits, targets, epoch)


def fit(
    views: Any = VIEWS,
    train_labels: np.ndarray = TRAIN_LABELS,
    validation: Any = VALIDATION,
    labels: np.ndarray = LABELS,
    *,
    head: str = "linear",
    dropout: float = 0.0,
    batch_size: int | None = None,
    class_weights: str = "none",
    sampling: str = "natural",
    objective: dict[str, Any] | None = None,
    seed: int = 0,
    **phase: Any,
) -> Head:
    targets, val_targets = (
        one_hot(items) if items.ndim == 1 else items for items in (train_labels, labels)
    )
    return fit_head(
        views,
        targets,
        validation,
        val_targets,
        objective=objective_of(targets, class_weights, **(objective or {})),
        settings=HeadSettings(
            phase=Phase(**{"learning_rate": 0.01, "epochs": 4, **phase}),
            head=head,
            dropout=dropout,
            batch_size=batch_size,
            sampling=sampling,
            seed=seed,
        ),
        reporter=Reporter(),
    )


def logits_of(head: Head, features: np.ndarray, kind: str = "linear") -> np.ndarray:
    """Returns the logits of a classifier's head layers with the weights of a head."""
    inputs = keras.Input((CHANNELS,))
    model = keras.Sequential([inputs, *dense_head(kind, CLASSES, 0.2)])
    model.set_weights(head.weights)
    return np.asarray(model.predict_on_batch(features))


@pytest.mark.parametrize("kind", ["linear", "mlp"])
@pytest.mark.parametrize("scale", [1e-17, 1.0, 100.0])
def test_features_of_any_scale_are_learned_alike(kind: str, scale: float) -> None:
    views = [scale * view for view in VIEWS]
    validation = np.float32(scale) * VALIDATION
    head = fit(views, validation=validation, head=kind, learning_rate=0.03)
    assert head.score.figures["accuracy"] > 0.8
    plain = fit(head=kind, learning_rate=0.03)
    assert head.score.loss == pytest.approx(plain.score.loss, rel=1e-2)
    # The weights are for the features as they are.
    answers = measure(logits_of(head, validation, kind), LABELS, head.score.epoch)
    assert answers.figures["accuracy"] == head.score.figures["accuracy"]
    assert answers.loss == pytest.approx(head.score.loss, abs=1e-4)


def test_a_large_common_mean_does_not_matter() -> None:
    views = [features_of(TRAIN_LABELS, seed, mean=200.0) for seed in (1, 2)]
    validation = features_of(LABELS, 3, mean=200.0)
    head = fit(views, validation=validation)
    assert head.score.loss == pytest.approx(fit().score.loss, rel=1e-2)
    answers = measure(logits_of(head, validation), LABELS, 0)
    assert answers.loss == pytest.approx(head.score.loss, rel=1e-2)


def test_the_best_epoch_is_kept() -> None:
    head = fit(learning_rate=0.3, schedule="constant", epochs=8)
    rows = [(float(r["val_accuracy"]), -float(r["val_loss"])) for r in head.history]
    best = rows.index(max(rows))
    assert best < len(rows) - 1, "the last is the best, which shows nothing"
    assert head.score.epoch == head.history[best]["epoch"] == best + 1
    answers = measure(logits_of(head, VALIDATION), LABELS, best + 1)
    assert answers.loss == pytest.approx(head.score.loss, abs=1e-4)


def test_without_patience_all_epochs_are_trained() -> None:
    settings = {"learning_rate": 0.3, "schedule": "constant", "epochs": 40}
    some, never = (fit(patience=patience, **settings) for patience in (10, "none"))
    assert len(some.history) < 40
    assert len(never.history) == 40


@pytest.mark.parametrize(
    ("settings", "decay", "patience"),
    [
        ({}, 1.0, 10),
        ({"weight_decay": 0, "patience": "none"}, 0.0, "none"),
        ({"weight_decay": 0.3, "patience": 2}, 0.3, 2),
    ],
)
def test_decay_and_patience_can_be_turned_off(
    tmp_path: Path, settings: dict[str, Any], decay: float, patience: int | str
) -> None:
    config = override(Config(), {"frozen": settings})
    task = tiny_setup(tmp_path, frozen=config.frozen)
    phase = head_on_features._head_settings(task).phase
    assert (phase.weight_decay, phase.patience) == (decay, patience)


def test_history_is_that_of_the_epochs() -> None:
    head = fit(epochs=2, schedule="constant", learning_rate=0.01, batch_size=120)
    first, second = head.history
    # One step an epoch: the first loss is that of no knowledge.
    assert float(first["loss"]) == pytest.approx(np.log(CLASSES), abs=1e-5)
    assert float(second["loss"]) < float(first["loss"])
    assert 0 < float(second["accuracy"]) <= 1
    assert [row["epoch"] for row in head.history] == [1, 2]
    assert [row["learning_rate"] for row in head.history] == ["0.01", "0.01"]
    keys = "epoch learning_rate loss accuracy val_loss val_accuracy seconds"
    assert list(first) == keys.split()


def test_loss_and_accuracy_are_means_over_the_steps() -> None:
    # A rate so low that next to nothing is learned, and in 4 steps as in one.
    four, one = (
        fit(epochs=1, learning_rate=1e-9, schedule="constant", batch_size=size)
        for size in (30, 120)
    )
    loss = float(four.history[0]["loss"])
    assert loss == pytest.approx(float(one.history[0]["loss"]), abs=1e-5)
    assert 1 / 3 < float(four.history[0]["accuracy"]) <= 1


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_the_seed_determines_every_bit(kind: str) -> None:
    same = [fit(head=kind, dropout=0.3, seed=5).weights for _ in range(2)]
    for one, other in zip(*same, strict=True):
        np.testing.assert_array_equal(one, other)
    other_seed = fit(head=kind, dropout=0.3, seed=6).weights
    assert not np.array_equal(same[0][0], other_seed[0])


def test_the_callers_random_numbers_are_not_changed() -> None:
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    fit(head="mlp", dropout=0.3, epochs=1)
    assert (random.random(), np.random.rand()) == expected


@pytest.mark.parametrize("name", settings_in(Phase)["optimizer"].words)
def test_every_optimizer_learns(name: str) -> None:
    head = fit(optimizer=name, weight_decay=0.1, learning_rate="auto")
    assert head.learning_rate in head_module.RATES
    assert head.score.figures["accuracy"] > 0.8


@pytest.mark.parametrize("schedule", settings_in(Phase)["schedule"].words)
def test_every_schedule_learns_at_its_rates(schedule: str) -> None:
    settings = {"schedule": schedule, "step_epochs": 2, "warmup_epochs": 1.0}
    head = fit(learning_rate=0.03, batch_size=30, **settings)
    assert head.score.figures["accuracy"] > 0.75
    rates = Rates(Phase(epochs=4, **settings), steps_per_epoch=4, peak=0.03)
    expected = [f"{rates.at(4 * epoch):.6g}" for epoch in range(4)]
    assert [row["learning_rate"] for row in head.history] == expected


def test_plateau_lowers_the_rate_where_epochs_do_no_better() -> None:
    head = fit(
        learning_rate=0.3,
        schedule="plateau",
        plateau_patience=1,
        step_factor=0.5,
        epochs=8,
    )
    best, rate = None, 0.3
    for row in head.history:
        assert float(row["learning_rate"]) == pytest.approx(rate)
        value = float(row["val_accuracy"]), -float(row["val_loss"])
        better = best is None or value > best
        best = value if better else best
        rate *= 1.0 if better else 0.5
    assert rate < 0.3


@pytest.mark.parametrize("patience", [1, 3])
def test_patience_ends_the_training(patience: int) -> None:
    settings = {"learning_rate": 0.3, "schedule": "constant", "epochs": 100}
    head = fit(patience=patience, **settings)
    assert len(head.history) == head.score.epoch + patience < 100


def test_averages_are_scored_and_saved_while_the_weights_are_trained() -> None:
    settings = {"learning_rate": 1.0, "schedule": "constant", "epochs": 6}
    plain, averaged = fit(**settings), fit(**settings, ema=0.9)
    for name in ("loss", "accuracy"):  # what learns is the same
        assert [row[name] for row in averaged.history] == [
            row[name] for row in plain.history
        ]
    smooth, rough = (
        [float(row["val_loss"]) for row in head.history] for head in (averaged, plain)
    )
    assert np.mean(smooth) < 0.9 * np.mean(rough)
    answers = measure(logits_of(averaged, VALIDATION), LABELS, 0)
    assert answers.loss == pytest.approx(averaged.score.loss, abs=1e-4)


def test_parts_of_a_batch_are_computed_together() -> None:
    one, four = fit(batch_size=40), fit(batch_size=40, accumulate=4)
    np.testing.assert_array_equal(one.weights[0], four.weights[0])


def test_gradients_are_clipped() -> None:
    settings = {"optimizer": "sgd", "schedule": "constant", "epochs": 1}
    free, held = fit(**settings), fit(**settings, clip_norm=0.01)
    assert np.linalg.norm(held.weights[0]) < np.linalg.norm(free.weights[0]) / 5


def test_trials_leave_dropout_and_optimizer_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {"dropout": 0.3, "optimizer": "sgd", "ema": 0.5, "head": "mlp"}
    found = fit(learning_rate="auto", **settings)
    refitted = fit(learning_rate=found.learning_rate, **settings)
    for one, other in zip(found.weights, refitted.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    # Were anything else, it would be noticed.
    hashes = iter("ab")
    monkeypatch.setattr(head_module, "state_hash", lambda state: next(hashes))
    with pytest.raises(RunError, match=r"not as it was before.*report this as a bug"):
        fit(learning_rate="auto", **settings)


def test_dropout_changes_the_result() -> None:
    plain, dropped = fit(), fit(dropout=0.5)
    assert not np.allclose(plain.weights[0], dropped.weights[0])


def test_a_rate_that_was_found_is_used_as_if_set() -> None:
    found = fit(learning_rate="auto", dropout=0.2)
    assert found.learning_rate == min(
        found.rates_tried, key=found.rates_tried.__getitem__
    )
    refitted = fit(learning_rate=found.learning_rate, dropout=0.2)
    assert refitted.rates_tried == {}
    assert refitted.learning_rate == found.learning_rate
    for one, other in zip(found.weights, refitted.weights, strict=True):
        np.testing.assert_array_equal(one, other)  # trials leave nothing behind


def test_a_rate_that_diverges_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "RATES", (1e37, 0.01, 1e38))
    head = fit(learning_rate="auto", schedule="constant")
    assert head.learning_rate == 0.01
    assert head.rates_tried[1e38] == float("inf")
    assert head.score.figures["accuracy"] > 0.8


def test_all_rates_diverging_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "RATES", (1e37, 1e38))
    # The lowest of those that tie.
    with pytest.raises(RunError, match=r"at learning rate 1e\+37\. Try a lower --lr"):
        fit(learning_rate="auto", schedule="constant")


def test_constant_features_are_not_an_error() -> None:
    constant = np.ones((120, CHANNELS), np.float32)
    head = fit([constant], validation=constant[:60])
    assert head.score.figures["accuracy"] == pytest.approx(1 / CLASSES, abs=1e-6)


def test_a_set_rate_that_diverges_is_an_error() -> None:
    with pytest.raises(
        RunError,
        match=r"loss became (nan|inf) in epoch \d, step \d+, at learning rate 1e\+38\. "
        r"Try a lower --lr\.",
    ):
        fit(learning_rate=1e38, schedule="constant", epochs=20)


def test_features_that_are_not_finite_are_an_error() -> None:
    broken = VIEWS[0].copy()
    broken[7, 3] = np.nan
    with pytest.raises(RunError, match=r"not finite numbers.*--precision float32"):
        fit([broken])


def test_weights_are_1_where_classes_are_equal() -> None:
    plain, weighted = fit(), fit(class_weights="auto")
    np.testing.assert_array_equal(plain.weights[0], weighted.weights[0])


def test_focal_loss_without_focus_is_cross_entropy() -> None:
    focal = fit(objective={"focal_gamma": 1e-12})
    for actual, reference in zip(focal.weights, fit().weights, strict=True):
        np.testing.assert_allclose(actual, reference, rtol=1e-3, atol=1e-5)
    assert not np.allclose(
        fit(objective={"focal_gamma": 2.0}).weights[0], focal.weights[0]
    )


@pytest.mark.parametrize(
    "balance", [{"class_weights": "auto"}, {"sampling": "balanced"}], ids=str
)
def test_balancing_finds_more_of_a_rare_class(balance: dict[str, str]) -> None:
    labels = np.where(np.arange(240) % 20 == 0, 2, np.arange(240) % 2)
    views = [features_of(labels, 1, noise=2.5)]
    validation = features_of(labels, 2, noise=2.5)

    def found(**settings: Any) -> float:
        head = fit(views, labels, validation, labels, epochs=1, **settings)
        return float(np.mean(logits_of(head, validation)[labels == 2].argmax(1) == 2))

    assert found(**balance) > found() + 0.2


def test_macro_f1_may_choose_another_epoch_than_accuracy() -> None:
    # First all images are called common, as 90% are; the rare class comes later.
    labels = np.where(np.arange(300) % 10 == 0, 2, np.arange(300) % 2)
    views = [features_of(labels, 1, noise=1.5)]
    validation = features_of(labels, 2, noise=1.5)
    for monitor in ("accuracy", "macro-f1"):
        head = fit(
            views,
            labels,
            validation,
            labels,
            epochs=8,
            learning_rate=0.1,
            schedule="constant",
            objective={"monitor": monitor},
        )
        column = f"val_{monitor.replace('-', '_')}"
        figures = [float(row[column]) for row in head.history]
        assert head.score.value == max(figures)
        assert head.score.monitor == monitor
        answers = measure(logits_of(head, validation), labels, 0)
        assert answers.figures["macro-f1"] == pytest.approx(
            head.score.figures["macro-f1"], abs=1e-6
        )


def test_each_of_several_labels_has_its_own_threshold() -> None:
    random = np.random.default_rng(5)

    def made(images: int) -> tuple[np.ndarray, np.ndarray]:
        targets = (random.random((images, CLASSES)) < [0.5, 0.3, 0.1]).astype(
            np.float32
        )
        directions = np.random.default_rng(0).normal(size=(CLASSES, CHANNELS))
        noise = 0.5 * random.normal(size=(images, CHANNELS))
        return targets, (targets @ directions + noise).astype(np.float32)

    targets, features = made(400)
    val_targets, validation = made(200)
    head = fit(
        [features],
        targets,
        validation,
        val_targets,
        epochs=10,
        learning_rate=0.03,
        objective={"kind": SigmoidObjective, "monitor": "mean-average-precision"},
    )
    assert head.score.figures["mean-average-precision"] > 0.95
    assert head.score.figures["macro-f1"] > 0.9
    assert len(set(head.score.thresholds.values())) == CLASSES
    assert head.score.value == max(
        float(row["val_mean_average_precision"]) for row in head.history
    )
    # With labels that exclude one another, half the images could not be answered.
    probabilities = 1 / (1 + np.exp(-logits_of(head, validation)))
    answers = probabilities >= list(head.score.thresholds.values())
    assert np.mean((answers == val_targets).all(axis=1)) == pytest.approx(
        head.score.figures["accuracy"], abs=0.01
    )
    assert head.score.figures["accuracy"] > 0.8


class Recorder:
    """Features that record the indices of the rows that were read."""

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


def test_each_epoch_takes_the_next_view_in_another_order() -> None:
    views = [Recorder(view) for view in VIEWS]
    fit(views, epochs=3, batch_size=50)
    assert [len(view.batches) for view in views] == [4, 2]
    first, third = np.split(np.concatenate(views[0].batches), 2)
    for epoch in (first, third, np.concatenate(views[1].batches)):
        assert len(set(epoch)) == 100  # two whole batches; the rest is left out
    assert not np.array_equal(first, third)


def test_a_repeated_image_is_seen_in_another_view() -> None:
    labels = np.repeat([0, 1, 2], [56, 56, 8])
    views = [Recorder(features_of(labels, seed)) for seed in (1, 2)]
    fit(views, labels, epochs=1, batch_size=60, sampling="balanced")
    rare = [
        np.concatenate(view.batches)[labels[np.concatenate(view.batches)] == 2]
        for view in views
    ]
    # 40 draws of 8 images: five times each, in turns.
    assert np.bincount(rare[0], minlength=120)[-8:].tolist() == [3] * 8
    assert np.bincount(rare[1], minlength=120)[-8:].tolist() == [2] * 8


def test_ctrl_c_passes_through() -> None:
    class InterruptedOnce(Recorder):
        def __getitem__(self, indices: Any) -> np.ndarray:
            rows = super().__getitem__(indices)
            if len(self.batches) == 1:
                raise KeyboardInterrupt
            return rows

    with pytest.raises(KeyboardInterrupt):
        fit([InterruptedOnce(VIEWS[0])], learning_rate="auto")


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_the_weights_fit_the_classifier(kind: str, tmp_path: Path) -> None:
    backbone = BACKBONES.get("mobilenet-0.25")
    model = build_classifier(
        backbone, image_size=32, num_classes=CLASSES, dropout=0.2, head=kind
    )
    channels = model.get_layer("pool").output.shape[-1]
    wide = np.random.default_rng(0).normal(size=(120, channels)).astype(np.float32)
    head = fit([wide], validation=wide[:60], head=kind, epochs=1)
    save_model(model, tmp_path / "model.keras")
    model = load_model(tmp_path / "model.keras")  # it has admitted layers only
    names = ["dropout", "hidden", "logits"] if kind == "mlp" else ["dropout", "logits"]
    assert [layer.name for layer in model.layers][-len(names) :] == names
    weights = [value for name in names for value in model.get_layer(name).weights]
    assert [value.shape for value in weights] == [v.shape for v in head.weights]
    pooled = keras.Model(model.input, model.get_layer("pool").output)
    assert pooled.count_params() + sum(v.size for v in head.weights) == (
        model.count_params()
    )
