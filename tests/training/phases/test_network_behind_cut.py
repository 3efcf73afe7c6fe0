"""Layers behind a cut learn what they would learn in the whole network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recording_reporter import RecordingReporter
from shallow_mobilenet import in_place_of_mobilenet

import cnnxfer
from cnnxfer.data.feeding.activations import (
    activation_batches,
    ordered_activation_batches,
)
from cnnxfer.data.feeding.gate import Gate
from cnnxfer.engines.agreement import Verdict
from cnnxfer.errors import RunError
from cnnxfer.networks.classifier import all_layers
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run
from cnnxfer.tasks.score import Score
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.phases import network_behind_cut
from cnnxfer.training.phases.network_behind_cut import NetworkBehindCut

IMAGES = 13
SHAPE = (3, 2)


class KeptRows:
    """Rows whose numbers encode the view and the image."""

    def __init__(self, view: int) -> None:
        self.shape = (IMAGES, *SHAPE)
        self.view = view

    def stored(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = np.ones((len(indices), *SHAPE), np.float16)
        rows *= (100 * self.view + indices).reshape(-1, 1, 1)
        return rows, np.full(len(indices), 0.25, np.float32)


def order(epoch: int) -> np.ndarray:
    """Returns the index of each image once, and the first one twice."""
    return np.append(np.random.default_rng(epoch).permutation(IMAGES), 0)


def batches_from(first_step: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    # What is to be answered to each view has the number of the view at its end.
    targets = [
        np.column_stack([np.eye(IMAGES), np.full(IMAGES, view)]) for view in range(3)
    ]
    data = activation_batches(
        [KeptRows(0), KeptRows(1), KeptRows(2)],
        targets,
        order,
        Gate(),
        batch_size=7,
        steps_per_epoch=2,
        first_step=first_step,
    )
    return list(data.take(count).as_numpy_iterator())


def test_each_epoch_takes_the_next_view() -> None:
    for epoch in range(4):
        steps = batches_from(2 * epoch, 2)
        rows = np.concatenate([rows for rows, _ in steps])
        targets = np.concatenate([targets for _, targets in steps])
        images = order(epoch)
        np.testing.assert_array_equal(targets[:, :-1].argmax(axis=1), images)
        again = np.arange(len(images)) == len(images) - 1  # the first one's second time
        views = (epoch + again) % 3
        np.testing.assert_array_equal(targets[:, -1], views)
        expected = 0.25 * (100 * views + images)
        np.testing.assert_array_equal(rows[:, 2, 1], expected)
        assert rows.dtype == np.float32
        assert rows.shape == (14, *SHAPE)


def test_the_number_of_a_step_determines_its_batch() -> None:
    whole = batches_from(0, 6)
    for (rows, targets), later in zip(whole[3:], batches_from(3, 3), strict=True):
        np.testing.assert_array_equal(rows, later[0])
        np.testing.assert_array_equal(targets, later[1])


def test_the_last_batch_is_filled_up() -> None:
    data, steps = ordered_activation_batches(KeptRows(1), Gate(), batch_size=5)
    rows = list(data.as_numpy_iterator())
    assert steps == 3
    assert [len(batch) for batch in rows] == [5, 5, 5]
    images = np.arange(15) % IMAGES
    found = np.concatenate(rows)[:, 0, 0]
    np.testing.assert_array_equal(found, 0.25 * (100 + images))


def test_a_closed_gate_stops_reading() -> None:
    gate = Gate()
    gate.close()
    data, _ = ordered_activation_batches(KeptRows(1), gate, batch_size=5)
    assert not next(data.as_numpy_iterator()).any()


def tune(
    parent: Run, reporter: RecordingReporter | None = None, **settings: object
) -> tuple[Run, RecordingReporter]:
    """Fine-tunes behind a cut with Keras, the engine that is ready soonest."""
    reporter = reporter or RecordingReporter()
    options = {
        "cache": True,
        "engine": "keras",
        "precision": "float32",
        "epochs": 2,
        "batch": 13,
        "last": "33%",
        "optimizer": "sgd",
        "lr": 0.01,
        "clip_norm": 1.0,
        "keep": "last",
        **settings,
    }
    with in_place_of_mobilenet():  # fixtures call it too
        return cnnxfer.unfreeze(parent, reporter=reporter, **options), reporter


def weights_of(run: Run) -> dict[str, np.ndarray]:
    model = load_model(run.model_path)
    return {
        f"{layer.name} {index}": value
        for layer in all_layers(model)
        for index, value in enumerate(layer.get_weights())
    }


def moved(run: Run, other: Run) -> set[str]:
    actual, reference = weights_of(run), weights_of(other)
    return {
        name.split()[0]
        for name in actual
        if not np.array_equal(actual[name], reference[name])
    }


@pytest.fixture(scope="module")
def still_parent(
    train: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Returns a run whose views are all equal, without dropout."""
    return train(tmp_path_factory.mktemp("runs"), augment="none")


@pytest.fixture(scope="module")
def behind(still_parent: Run) -> tuple[Run, RecordingReporter]:
    return tune(still_parent)


def test_only_the_chosen_layers_learn(
    still_parent: Run, behind: tuple[Run, RecordingReporter]
) -> None:
    run, _ = behind
    chosen = {"conv_pw_3", "conv_dw_4", "conv_pw_4"}
    assert moved(run, still_parent) == {*chosen, "logits"}


def test_it_reports_what_is_cached(behind: tuple[Run, RecordingReporter]) -> None:
    run, reporter = behind
    assert reporter.infos[0].startswith("fine-tuning 3 of the backbone's 9 layers")
    assert "learn, from conv_pw_3 on" in reporter.infos[1]
    assert reporter.infos[3].startswith(
        "up to conv_dw_3_relu the network runs once for each image and view; 1 view of "
        "each training image kept, 36.9 kB; with last='100%', a step would take about "
    )
    assert run.state["stages"] == [
        {"cut": "conv_dw_3_relu", "views": 1, "engine": "keras float32"}
    ]
    assert any(
        said.startswith("the saved model agrees with what was trained:")
        for said in reporter.infos
    )


def test_layers_behind_the_cut_learn_what_the_whole_network_learns(
    still_parent: Run, behind: tuple[Run, RecordingReporter]
) -> None:
    run, _ = behind
    whole, reporter = tune(still_parent, cache=False)
    assert reporter.infos[3].startswith("the whole network runs in every step; with")
    assert whole.state["stages"] == [{"cut": "", "views": 0, "engine": ""}]
    start, cut, uncut = map(weights_of, (still_parent, run, whole))
    way = sum(np.abs(uncut[name] - start[name]).sum() for name in start)
    apart = sum(np.abs(uncut[name] - cut[name]).sum() for name in start)
    # Activations are rounded to 11 bits; in other views or another order, the two are
    # as far apart as each is from the start.
    assert 0 < apart < 0.2 * way
    for actual, reference in zip(run.history, whole.history, strict=True):
        for name in ("loss", "val_loss"):
            expected = pytest.approx(float(reference[name]), abs=0.01)
            assert float(actual[name]) == expected


def test_the_saved_model_is_the_one_that_was_scored(
    noisy_photos_dir: Path, behind: tuple[Run, RecordingReporter]
) -> None:
    run, _ = behind
    ids = {row.id: row.label for row in run.split if row.split == "validation"}
    paths = [noisy_photos_dir / name for name in ids]
    found = cnnxfer.predict(paths, model=run.path, top=1)
    right = [
        prediction.answer.ranking[0].class_id == label
        for prediction, label in zip(found, ids.values(), strict=True)
    ]
    accuracy = float(run.history[-1]["val_accuracy"])
    assert np.mean(right) == pytest.approx(accuracy)


def test_views_take_turns(
    parent: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path))
    run, reporter = tune(parent, views=3, epochs=1)
    assert "3 views of each training image kept" in reporter.infos[3]
    kept = [
        entry.manifest
        for entry in ActivationStore().entries()
        if entry.manifest and entry.manifest.about["cut"] == "conv_dw_3_relu"
    ]
    numbers = {
        manifest.key["views"]["number"]
        for manifest in kept
        if manifest.key["views"]["views"] == "random"
    }
    assert numbers == {0, 1, 2}
    assert run.state["stages"][0]["views"] == 3


def test_a_cache_that_is_too_small(
    parent: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path))
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", "10KB")
    run, reporter = tune(parent, epochs=1)
    (warning,) = [said for said in reporter.warnings if said.startswith("at ")]
    assert "at conv_dw_3_relu, one view of each image would take " in warning
    assert "so the whole network runs in every step" in warning
    assert run.state["stages"][0]["views"] == 0
    assert len(run.history) == 1
    assert ActivationStore().entries() == []


def no_agreement(trained: NetworkBehindCut) -> Verdict:
    return Verdict(False, "a probability differs by 0.9")


def test_an_engine_that_deviates_is_not_used(
    still_parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = network_behind_cut.engines_for

    def twice(*arguments, **options):
        for engine in engines(*arguments, **options):
            engine.precision = "bfloat16"
            yield engine
            engine.precision = "float32"
            yield engine

    monkeypatch.setattr(network_behind_cut, "engines_for", twice)
    monkeypatch.setattr(NetworkBehindCut, "agreement", no_agreement)
    run, reporter = tune(still_parent, epochs=1)
    assert (
        "keras in bfloat16 deviates from Keras with this network behind it: a "
        "probability differs by 0.9."
    ) in reporter.infos
    assert run.state["stages"][0]["engine"] == "keras float32"


@pytest.mark.parametrize("better", [True, False])
def test_a_network_that_deviates_at_the_end_is_measured_again(
    still_parent: Run, monkeypatch: pytest.MonkeyPatch, better: bool
) -> None:
    reporter = RecordingReporter()
    line = "the saved model deviates from what was trained: "

    def beats(score: Score, other: Score | None) -> bool:
        """Fine-tuning wins as long as it is measured behind the cut."""
        in_the_end = any(line in said for said in reporter.warnings)
        return better if in_the_end else score.epoch > 0

    monkeypatch.setattr(NetworkBehindCut, "agreement", no_agreement)
    monkeypatch.setattr(Score, "beats", beats)
    run, _ = tune(still_parent, reporter, epochs=1, keep="best")
    assert any(line in said for said in reporter.warnings)
    assert bool(moved(run, still_parent)) == better
    assert run.metrics["fine_tune"]["epoch"] == int(better)


def test_the_stage_of_which_an_epoch_is_kept_is_compared(
    still_parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two stages with one epoch each, the first has the best epoch."""
    after: list[str] = []

    def agreement(trained: NetworkBehindCut) -> Verdict:
        after.append(trained.cut.name)
        return no_agreement(trained)

    monkeypatch.setattr(NetworkBehindCut, "agreement", agreement)
    monkeypatch.setattr(
        Score, "beats", lambda score, other: other is None or score.epoch == 1
    )
    run, reporter = tune(still_parent, epochs=2, gradual=2, keep="best")
    assert len(run.history) == 2
    assert after == [run.state["stages"][0]["cut"]]
    assert any("the saved model deviates" in said for said in reporter.warnings)


def test_a_chosen_engine_that_deviates_is_an_error(
    still_parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(*arguments, **options):
        for engine in engines(*arguments, **options):
            engine.precision = "bfloat16"
            yield engine

    engines = network_behind_cut.engines_for
    monkeypatch.setattr(network_behind_cut, "engines_for", one)
    monkeypatch.setattr(NetworkBehindCut, "agreement", no_agreement)
    with pytest.raises(RunError, match=r"gives other answers than the saved model"):
        tune(still_parent, epochs=1)
