from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import cnnxfer
from cnnxfer.config import FineTune
from cnnxfer.errors import RunError
from cnnxfer.files import file_hash
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training import fine_tune
from cnnxfer.training.loop import PhaseRun
from cnnxfer.training.model import HEAD, all_layers, backbone_of, load_model
from cnnxfer.training.score import Score


class Messages(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, message: str) -> None:
        self.said.append(message)


def content(run: Run) -> dict[Path, str]:
    return {path: file_hash(path) for path in run.path.rglob("*") if path.is_file()}


def changes(child: Run, parent: Run) -> dict[str, list[bool]]:
    """Returns for each layer with weights which of them changed."""
    pairs = zip(
        all_layers(load_model(child.model_path)),
        all_layers(load_model(parent.model_path)),
        strict=True,
    )
    return {
        mine.name: [
            not np.array_equal(*pair)
            for pair in zip(mine.get_weights(), its.get_weights(), strict=True)
        ]
        for mine, its in pairs
        if mine.weights
    }


def norms_of(run: Run) -> set[str]:
    return {
        layer.name
        for layer in backbone_of(load_model(run.model_path)).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }


def keep_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `model.keras` the last epoch's, to see what it changed."""
    monkeypatch.setattr(Score, "beats", lambda self, other: True)


def test_the_chosen_layers_learn_and_no_other(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_every_epoch(monkeypatch)
    reporter = Messages()
    child = cnnxfer.unfreeze(
        parent, lr=0.01, epochs=1, last="30%", seed=7, reporter=reporter
    )
    norms = norms_of(parent)
    moved = changes(child, parent)
    learnable = [name for name in moved if name not in norms and name != HEAD]
    chosen = learnable[-round(0.3 * len(learnable)) :]
    assert {name for name in moved if any(moved[name])} == {*chosen, HEAD}
    assert (
        f"{len(chosen)} of the backbone's {len(learnable)} layers learn, "
        in (reporter.said[0])
    )
    assert f"from {chosen[0]} on, with the head (" in reporter.said[0]
    assert "validation accuracy" in reporter.said[-1]
    # It is the same task still.
    for name in ("split.csv", "classes.json"):
        assert (child.path / name).read_bytes() == (parent.path / name).read_bytes()
    for name in ("data_sha256", "weights_sha256"):
        assert child.receipt[name] == parent.receipt[name]
    before, of_parent = child.metrics["before"], parent.metrics["frozen"]
    assert {**before, "epoch": of_parent["epoch"]} == pytest.approx(of_parent)
    assert child.parent == parent


def test_batch_norm_train_moves_its_statistics(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_every_epoch(monkeypatch)
    child = cnnxfer.unfreeze(parent, lr=0.01, epochs=1, last="30%", bn="train")
    moved = changes(child, parent)
    norms = norms_of(parent)
    # gamma, beta, moving mean, moving variance
    learning = {name for name in moved if name in norms and all(moved[name])}
    still = {name for name in moved if name in norms and not any(moved[name])}
    assert learning | still == norms
    assert len(learning) == 8


def test_norms_that_move_although_frozen_are_noticed(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(phase: PhaseRun) -> Score | None:
        norm = backbone_of(phase.model).get_layer("conv_pw_3_bn")
        norm.moving_mean.assign(norm.moving_mean + 1e-3)
        return phase.best

    monkeypatch.setattr(PhaseRun, "fit", fit)
    with pytest.raises(RunError, match="statistics moved although they were frozen"):
        cnnxfer.unfreeze(parent, last="10%")
    cnnxfer.unfreeze(parent, last="10%", bn="train")


@pytest.mark.parametrize(
    ("last", "learning"), [("1%", 1), ("50%", 14), ("100%", 27)], ids=str
)
def test_share_of_the_backbone(parent: Run, last: str, learning: int) -> None:
    model = load_model(parent.model_path)
    fine_tune.unfreeze_layers(model, FineTune(last=last))
    layers = [layer for layer in backbone_of(model).layers if layer.trainable_weights]
    assert len(layers) == learning
    assert model.get_layer(HEAD).trainable


def test_tuning_that_ruins_the_model_ends_with_the_parents(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = PhaseRun.score

    def score(phase: PhaseRun, epoch: int) -> Score:
        """The parent is at the level of chance, which a ruined model may reach."""
        found = measure(phase, epoch)
        return found if epoch else replace(found, accuracy=1.0)

    monkeypatch.setattr(PhaseRun, "score", score)
    reporter = Messages()
    before = content(parent)
    child = cnnxfer.unfreeze(
        parent, lr=1000.0, epochs=2, last="100%", reporter=reporter
    )
    assert content(parent) == before
    assert not any(any(moved) for moved in changes(child, parent).values())
    assert child.metrics["fine_tune"] == child.metrics["before"]
    assert "no epoch beat the validation accuracy of" in reporter.said[-1]
    assert "is the model as it was before. Try a lower --lr." in reporter.said[-1]
    # It did train, and it did get worse.
    assert float(child.history[-1]["val_loss"]) > child.metrics["before"]["val_loss"]
