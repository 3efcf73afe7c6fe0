import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from images_of_run import keeps_its_known_answers
from killed_runs import without_seconds
from recording_reporter import RecordingReporter
from tiny_phase import Killed, kill, tiny_phase

import cnnxfer
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import FineTune
from cnnxfer.engines.agreement import Verdict
from cnnxfer.errors import RunError
from cnnxfer.files import file_hash
from cnnxfer.networks.classifier import all_layers, backbone_of, build_classifier
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run, find_run
from cnnxfer.tasks.heads import HEAD
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.checkpoint import read_checkpoint
from cnnxfer.training.loop.session import Session
from cnnxfer.training.optimization.batch_size_search import scaled_rate
from cnnxfer.training.phases import fine_tune
from cnnxfer.training.phases.stages import stages_of, unfreeze
from cnnxfer.training.phases.whole_network import WholeNetwork


def content(run: Run) -> dict[Path, str]:
    return {path: file_hash(path) for path in run.path.rglob("*") if path.is_file()}


def changes(child: Run, parent: Run) -> dict[str, list[bool]]:
    """Returns, for each layer with weights, which of the weights changed."""
    pairs = zip(
        all_layers(load_model(child.model_path)),
        all_layers(load_model(parent.model_path)),
        strict=True,
    )
    return {
        actual.name: [
            not np.array_equal(*pair)
            for pair in zip(actual.get_weights(), reference.get_weights(), strict=True)
        ]
        for actual, reference in pairs
        if actual.weights
    }


def norms_of(run: Run) -> set[str]:
    return {
        layer.name
        for layer in backbone_of(load_model(run.model_path)).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }


def keep_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `model.keras` that of the last epoch, to see what training changed."""
    monkeypatch.setattr(Score, "beats", lambda self, other: True)


def test_the_chosen_layers_learn_and_no_other(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_every_epoch(monkeypatch)
    reporter = RecordingReporter()
    child = cnnxfer.unfreeze(
        parent,
        optimizer="sgd",
        lr=0.01,
        epochs=1,
        last="30%",
        seed=7,
        reporter=reporter,
    )
    norms = norms_of(parent)
    moved = changes(child, parent)
    learnable = [name for name in moved if name not in norms and name != HEAD]
    chosen = learnable[-round(0.3 * len(learnable)) :]
    assert {name for name in moved if any(moved[name])} == {*chosen, HEAD}
    assert reporter.infos[0].startswith(
        f"fine-tuning {len(chosen)} of the backbone's {len(learnable)} layers and the"
    )
    assert f"learn, from {chosen[0]} on; BatchNorm frozen" in reporter.infos[1]
    assert any(said.startswith("saved: the model of") for said in reporter.infos)
    # It is the same task still.
    for name in ("split.csv", "classes.json"):
        assert (child.path / name).read_bytes() == (parent.path / name).read_bytes()
    for name in ("data_sha256", "weights_sha256"):
        assert child.receipt[name] == parent.receipt[name]
    before, of_parent = child.metrics["before"], parent.metrics["frozen"]
    assert {**before, "epoch": of_parent["epoch"]} == pytest.approx(of_parent)
    assert child.parent == parent
    assert keeps_its_known_answers(child)


def test_batch_norm_train_moves_its_statistics(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_every_epoch(monkeypatch)
    child = cnnxfer.unfreeze(
        parent, optimizer="sgd", lr=0.01, epochs=1, last="30%", bn="train"
    )
    moved = changes(child, parent)
    norms = norms_of(parent)
    # gamma, beta, moving mean, moving variance
    learning = {name for name in moved if name in norms and all(moved[name])}
    still = {name for name in moved if name in norms and not any(moved[name])}
    assert learning | still == norms
    assert len(learning) == 3


def test_norms_that_move_although_frozen_are_noticed(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(phase: Session) -> Score | None:
        norm = backbone_of(phase.trained.classifier).get_layer("conv_pw_3_bn")
        norm.moving_mean.assign(norm.moving_mean + 1e-3)
        return phase.best

    monkeypatch.setattr(fine_tune, "fit", fit)
    with pytest.raises(RunError, match="statistics moved although they were frozen"):
        cnnxfer.unfreeze(parent, last="10%")
    cnnxfer.unfreeze(parent, last="10%", bn="train")


def test_the_hash_tells_that_statistics_moved() -> None:
    classifier = build_classifier(
        BACKBONES.get("mobilenet-0.25"), image_size=32, num_classes=3, dropout=0.2
    )
    settings = FineTune(last="100%", batch_norm="train")
    unfreeze(classifier, stages_of(classifier, settings)[0], settings)
    statistics = fine_tune.statistics_hash(classifier)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    fused_network(classifier, "float32")(pixels, training=True)
    assert fine_tune.statistics_hash(classifier) != statistics


def test_stages_follow_one_another(parent: Run) -> None:
    reporter = RecordingReporter()
    child = cnnxfer.unfreeze(
        parent,
        optimizer="sgd",
        lr=0.003,
        epochs=3,
        last="30%",
        gradual=2,
        layer_decay=0.5,
        keep="last",
        reporter=reporter,
    )
    assert [line for line in reporter.infos if line.startswith("stage")] == [
        "stage 1 of 2: fine-tuning 1 of the backbone's 9 layers and the head, 1 epoch",
        "stage 2 of 2: fine-tuning 3 of the backbone's 9 layers and the head, 2 epochs",
    ]
    assert "sgd at 0.003 times 0.5 a group, cosine" in reporter.infos[1]
    assert [row["epoch"] for row in child.history] == [1, 2, 3]
    assert child.metrics["fine_tune"]["epoch"] == 3
    moved = changes(child, parent)
    assert sum(any(found) for found in moved.values()) == 3 + 1


def test_a_run_killed_between_two_stages_can_be_resumed(
    parent: Run,
) -> None:
    """The run is killed when the second stage is about to begin."""

    class Killing(RecordingReporter):
        def info(self, message: str) -> None:
            if message.startswith("stage 2 of 2"):
                raise ZeroDivisionError

    settings = {
        "optimizer": "sgd",
        "lr": 0.003,
        "epochs": 2,
        "last": "30%",
        "gradual": 2,
        "keep": "last",
        "cache": True,
        "engine": "keras",
    }
    undisturbed = cnnxfer.unfreeze(parent, **settings)
    with pytest.raises(ZeroDivisionError):
        cnnxfer.unfreeze(parent, reporter=Killing(), **settings)
    stopped = find_run("latest", parent.path.parent)
    assert len(stopped.history) == 1
    child = cnnxfer.resume(stopped)
    assert not any(any(found) for found in changes(child, undisturbed).values())
    assert without_seconds(child) == without_seconds(undisturbed)


def test_a_kill_while_the_model_is_measured_has_it_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = tiny_phase(tmp_path / "run")
    monkeypatch.setattr(Run, "update_metrics", lambda *_, **__: kill())
    with pytest.raises(Killed):
        fine_tune._score_before(session)
    assert session.recorder.run.state == {}


def test_batch_and_rate_can_be_found(parent: Run) -> None:
    reporter = RecordingReporter()
    child = cnnxfer.unfreeze(
        parent,
        optimizer="sgd",
        lr="auto",
        batch="auto",
        epochs=1,
        last="10%",
        reporter=reporter,
    )
    assert "sgd at a rate to be found, cosine" in reporter.infos[1]
    # 26 images in 8 updates.
    (batch,) = [line for line in reporter.infos if line.startswith("batches of ")]
    assert batch.startswith("batches of 3:")
    (rate,) = [line for line in reporter.infos if line.startswith("learning rate ")]
    found = float(rate.split()[2].rstrip(":"))
    first = float(child.history[0]["learning_rate"])
    assert 0 < first <= found
    progress = read_checkpoint(child.checkpoints_dir).progress
    assert (progress.peak, progress.batch_size) == (found, 3)
    assert progress.steps_per_epoch == 26 // 3


def test_a_found_batch_begins_with_a_new_optimizer(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All stages use the rate for the batch size that was found."""
    began = []
    checkpoint = Session.checkpoint

    def noting(session: Session) -> None:
        if not session.begun:
            optimizer = session.stepper.optimizer
            began.append((int(optimizer.iterations), session.progress.peak))
            assert not any(np.any(slot) for slot in optimizer._momentums)
        checkpoint(session)

    monkeypatch.setattr(Session, "checkpoint", noting)
    cnnxfer.unfreeze(
        parent, lr=0.01, batch="auto", gradual=2, epochs=2, last="30%", engine="keras"
    )
    rate = scaled_rate(0.01, 3, "adamw")
    assert began == [(0, rate), (0, rate)]


def test_memory_may_run_out_during_the_search_for_a_rate(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_on_batch = keras.Model.train_on_batch

    def small_ones_alone(self, x, *others, **named):
        if len(x) > 2:
            raise MemoryError
        return train_on_batch(self, x, *others, **named)

    monkeypatch.setattr(keras.Model, "train_on_batch", small_ones_alone)
    reporter = RecordingReporter()
    child = cnnxfer.unfreeze(
        parent, lr="auto", batch=4, epochs=1, last="10%", reporter=reporter
    )
    (line,) = reporter.warnings
    assert "The batch stays 4, in 2 parts of 2." in line
    progress = read_checkpoint(child.checkpoints_dir).progress
    assert (progress.batch_size, progress.accumulate) == (4, 2)


def test_the_precision_is_reported_and_kept_by_a_run(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter = RecordingReporter()
    child = cnnxfer.unfreeze(
        parent, precision="bfloat16", epochs=1, last="10%", reporter=reporter
    )
    assert any(
        line.startswith("computes in bfloat16, as asked") for line in reporter.infos
    )
    assert child.receipt["precision"] == "bfloat16"
    child.update_receipt(precision="float32")  # as if begun on another machine
    reporter = RecordingReporter()
    cnnxfer.resume(child, epochs="+1", reporter=reporter)
    assert any(line.startswith("computes in float32") for line in reporter.infos)


@pytest.mark.parametrize(
    ("precision", "better"),
    [("bfloat16", True), ("bfloat16", False), ("float32", True)],
)
def test_a_whole_network_that_deviates_is_measured_again(
    parent: Run, monkeypatch: pytest.MonkeyPatch, precision: str, better: bool
) -> None:
    """A network in float32 cannot deviate."""
    line = "the saved model deviates from what was trained: far off"
    reporter = RecordingReporter()

    def beats(score: Score, other: Score | None) -> bool:
        in_the_end = any(line in said for said in reporter.warnings)
        return better if in_the_end else score.epoch > 0

    monkeypatch.setattr(WholeNetwork, "agreement", lambda _: Verdict(False, "far off"))
    monkeypatch.setattr(Score, "beats", beats)
    child = cnnxfer.unfreeze(
        parent,
        precision=precision,
        epochs=1,
        last="10%",
        cache=False,
        reporter=reporter,
    )
    told = any(line in said for said in reporter.warnings)
    assert told == (precision == "bfloat16")
    assert child.metrics["fine_tune"]["epoch"] == int(better)


def test_a_parent_that_changed_is_noticed(parent: Run, tmp_path: Path) -> None:
    first = Run(tmp_path / parent.name)
    shutil.copytree(parent.path, first.path)
    child = cnnxfer.unfreeze(first, epochs=1, last="10%")
    cnnxfer.resume(child, epochs="+1")
    model = load_model(first.model_path)
    model.get_layer(HEAD).bias.assign_add([1.0, 0.0, 0.0])
    model.save(first.model_path)
    with pytest.raises(RunError, match=r"model.keras has changed since .* began"):
        cnnxfer.resume(child, epochs="+1")


def test_fine_tuning_that_ruins_the_model_keeps_the_parents(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beats(score: Score, other: Score | None) -> bool:
        """The parent's accuracy is that of guessing, which a ruined model may reach."""
        return other is None

    monkeypatch.setattr(Score, "beats", beats)
    reporter = RecordingReporter()
    before = content(parent)
    child = cnnxfer.unfreeze(
        parent, optimizer="sgd", lr=0.01, epochs=2, last="100%", reporter=reporter
    )
    assert content(parent) == before
    assert not any(any(moved) for moved in changes(child, parent).values())
    assert child.metrics["fine_tune"] == child.metrics["before"]
    (line,) = [said for said in reporter.warnings if said.startswith("no epoch beat")]
    assert "is the model from before. Try a lower lr." in line
    assert len(child.history) == 2  # it did train
