"""The frozen phase on cached features."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from images_of_run import splits_of
from recording_reporter import RecordingReporter, pressing_ctrl_c

from cnnxfer import api
from cnnxfer.data.views.views import central_views
from cnnxfer.engines import keras_engine
from cnnxfer.engines.agreement import Verdict
from cnnxfer.errors import ConfigError, Interrupted, RunError
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run, find_run
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.heads import HEAD, HIDDEN
from cnnxfer.training.activations import compute, engines
from cnnxfer.training.phases.pooled_features import PooledFeatures

Train = Callable[..., Run]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Collects the numbers of images that the backbone computes features of."""
    counts: list[int] = []
    original = compute.pixel_batches

    def counting(*arguments: object, **options: object) -> Iterator[np.ndarray]:
        for batch in original(*arguments, **options):
            counts.append(len(batch))
            yield batch

    monkeypatch.setattr(compute, "pixel_batches", counting)
    return counts


def head_of(run: Run) -> list[np.ndarray]:
    return load_model(run.model_path).get_layer(HEAD).get_weights()


def test_the_saved_network_agrees_with_the_head_on_features(
    train: Train, tmp_path: Path
) -> None:
    run = train(tmp_path, cache=True, engine="keras")
    examples = splits_of(run).validation
    (pixels,) = engines.pixel_batches(
        examples,
        [central_views(run.config)],
        image_size=64,
        batch_size=len(examples),
    )
    logits = load_model(run.model_path).predict_on_batch(pixels)
    right = logits.argmax(axis=1) == [example.label for example in examples]
    kept = run.metrics["frozen"]
    assert kept["val_accuracy"] == round(float(right.mean()), 6)
    sure = TASKS.get("classification").probabilities(logits)[
        range(len(examples)), [item.label for item in examples]
    ]
    assert kept["val_loss"] == pytest.approx(-np.log(sure).mean(), abs=0.01)
    assert kept["val_images"] == len(examples)
    assert kept["engine"] == "keras float32"
    best = max(
        run.history, key=lambda row: (row["val_accuracy"], -float(row["val_loss"]))
    )
    assert int(best["epoch"]) == kept["epoch"]
    assert float(best["val_accuracy"]) == kept["val_accuracy"]


def test_another_head_reuses_features_and_another_view_adds_its_own(
    train: Train, tmp_path: Path, rows: list[int]
) -> None:
    first = train(tmp_path, cache=True, engine="keras", views=1)
    images = {part: len(items) for part, items in vars(splits_of(first)).items()}
    assert sum(rows) == images["train"] + images["validation"]
    rows.clear()
    train(
        tmp_path,
        cache=True,
        engine="keras",
        views=1,
        lr=0.001,
        optimizer="sgd",
        head="mlp",
    )
    assert not rows
    train(tmp_path, cache=True, engine="keras", views=2)
    assert sum(rows) == images["train"]
    rows.clear()
    train(tmp_path, cache=True, engine="keras", views=1, seed=43, split="40/30/30")
    assert sum(rows) > images["train"]


def test_an_mlp_head_is_part_of_the_saved_network(train: Train, tmp_path: Path) -> None:
    run = train(tmp_path, cache=True, head="mlp", engine="keras")
    model = load_model(run.model_path)
    assert (
        model.get_layer(HIDDEN).output.shape[-1]
        == model.get_layer(HEAD).kernel.shape[0]
    )
    kept = run.metrics["frozen"]
    assert f"of {kept['val_images']} pictures" in kept["agreement"]


def test_an_interrupted_run_resumes_to_the_same_head(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[int]
) -> None:
    undisturbed = train(tmp_path / "a", cache=True, views=2, engine="keras")
    computed = sum(rows)
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "other"))
    rows.clear()
    with monkeypatch.context() as patch:
        patch.setattr(keras_engine, "BATCH_SIZE", 8)
        with pytest.raises(Interrupted, match=r"Go on with: cnnxfer.resume.*"):
            train(
                tmp_path / "b",
                cache=True,
                views=2,
                engine="keras",
                reporter=pressing_ctrl_c("features of"),
            )
    run = find_run("latest", tmp_path / "b")
    assert run.receipt["status"] == "interrupted"
    rows.clear()
    api.resume(run)
    assert run.receipt["status"] == "done"
    assert 0 < sum(rows) < computed, "all was computed again"
    for actual, reference in zip(head_of(run), head_of(undisturbed), strict=True):
        np.testing.assert_allclose(actual, reference, rtol=0.02, atol=1e-3)


def test_a_run_keeps_to_int8_and_shares_its_features_with_no_other_precision(
    int8: None, train: Train, tmp_path: Path, rows: list[int]
) -> None:
    asked = {"cache": True, "views": 1, "engine": "auto", "precision": "int8"}
    stop = pressing_ctrl_c("features of validation")
    with pytest.raises(Interrupted):
        train(tmp_path, **asked, reporter=stop)
    run = find_run("latest", tmp_path)
    assert run.config.precision == "int8"
    assert run.receipt["precision"] in ("float32", "bfloat16")  # behind the cut
    api.resume(run)
    assert run.metrics["frozen"]["engine"] == "openvino int8"
    rows.clear()
    train(tmp_path, **asked)
    assert not rows
    train(tmp_path, **asked | {"precision": "float32"})
    images = splits_of(run)
    assert sum(rows) == len(images.train) + len(images.validation)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cache": False}, "on new views"),
        ({"from_scratch": True, "weights": "none"}, "all layers learn"),
    ],
    ids=str,
)
def test_int8_without_frozen_layers_whose_features_are_kept_is_an_error(
    int8: None, train: Train, tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    with pytest.raises(ConfigError, match=f"precision='int8' is for .*{reason}"):
        train(tmp_path, **settings, precision="int8")


def test_an_engine_that_deviates_with_the_head_is_replaced(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts = iter([Verdict(False, "far off"), Verdict(True, "near")])
    monkeypatch.setattr(PooledFeatures, "agreement", lambda _: next(verdicts))
    reporter = RecordingReporter()
    run = train(tmp_path, cache=True, reporter=reporter)
    assert any(
        "deviates from Keras with this head: far off" in line for line in reporter.lines
    )
    engines = [line for line in reporter.lines if line.startswith("engine: ")]
    assert len(set(engines)) == 2
    assert run.metrics["frozen"]["agreement"] == "near"


def test_a_chosen_engine_that_deviates_is_an_error(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        PooledFeatures, "agreement", lambda _: Verdict(False, "far off")
    )
    with pytest.raises(RunError, match=r"far off\. Try engine='auto'"):
        train(tmp_path, cache=True, engine="openvino", precision="float32")
    assert not find_run("latest", tmp_path).model_path.exists()


@pytest.mark.parametrize("settings", [{"cache": False}, {"augment": "strong"}])
def test_some_settings_cache_no_features(
    train: Train, tmp_path: Path, rows: list[int], settings: dict[str, object]
) -> None:
    run = train(tmp_path, **{"cache": True, "epochs": 1, **settings})
    assert not rows
    assert run.model_path.exists()
    assert not (tmp_path / "cache" / "activations").exists()


def test_features_over_the_limit_are_not_cached(
    train: Train, tmp_path: Path, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", "10kB")
    reporter = RecordingReporter()
    run = train(tmp_path, cache=True, epochs=1, reporter=reporter)
    assert not rows
    assert run.model_path.exists()
    (warning,) = [line for line in reporter.lines if line.startswith("warning")]
    assert "the cache may hold 10.0 kB (CNNXFER_CACHE_LIMIT)" in warning


@pytest.fixture
def skewed_dir(noisy_photos_dir: Path, tmp_path: Path) -> Path:
    """Returns the noisy photos, with only every fifth of the red ones."""
    root = tmp_path / "skewed"
    for path in sorted(noisy_photos_dir.glob("*/*.png")):
        if path.parent.name != "red" or int(path.stem) % 5 == 0:
            copy = root / path.relative_to(noisy_photos_dir)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return root


def test_skewed_classes_are_balanced_and_monitored_as_set(
    train: Train, tmp_path: Path, skewed_dir: Path
) -> None:
    reporter = RecordingReporter()
    by_itself, asked = (
        train(
            tmp_path,
            data=skewed_dir,
            cache=True,
            engine="keras",
            epochs=1,
            reporter=reporter,
            **settings,
        )
        for settings in ({}, {"sampling": "balanced", "monitor": "accuracy"})
    )
    assert not np.allclose(head_of(asked)[0], head_of(by_itself)[0])
    said = [line for line in reporter.lines if "macro-F1 selects the best" in line]
    assert len(said) == 1
    kept, (row,) = by_itself.metrics["frozen"], by_itself.history
    assert kept["monitor"] == "macro-f1"
    assert row["val_macro_f1"] == round(kept["val_macro_f1"], 6)
    assert asked.metrics["frozen"]["monitor"] == "accuracy"
    assert "val_macro_f1" in asked.metrics["frozen"]
    assert "val_macro_f1" not in asked.history[0]


def test_a_changed_file_of_class_weights_is_an_error(
    train: Train, tmp_path: Path
) -> None:
    file = tmp_path / "weights.csv"
    file.write_text("red,4\n")
    with pytest.raises(Interrupted):
        train(
            tmp_path / "runs",
            cache=True,
            engine="keras",
            class_weights=file,
            reporter=pressing_ctrl_c("features of"),
        )
    run = find_run("latest", tmp_path / "runs")
    file.write_text("red,5\n")
    with pytest.raises(RunError, match=r"weights\.csv has changed since .* began"):
        api.resume(run)
    file.unlink()
    with pytest.raises(ConfigError, match=r"weights\.csv cannot be read"):
        api.resume(run)
