from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recording_reporter import pressing_ctrl_c
from shallow_mobilenet import in_place_of_mobilenet, shallow_mobilenet

import cnnxfer
from cnnxfer.config import Config
from cnnxfer.engines import choice
from cnnxfer.errors import ConfigError, Interrupted, RunError
from cnnxfer.evaluation import comparison
from cnnxfer.hardware.processor import Processor
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.significance import Accuracy
from cnnxfer.training.activations import compute

NAMES = ["mobilenet-0.25", "mobilenet-0.5"]


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has a cache of its own, measures speed for moments, and computes little."""
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(comparison, "SPEED_SECONDS", 0.01)
    with in_place_of_mobilenet():
        yield


def compare(
    data: Path, names: list[str] = NAMES, **settings: object
) -> comparison.Comparison:
    settings = {"weights": "none", "split": "50/50/0", "engine": "keras", **settings}
    return cnnxfer.compare(data, names, **settings)


def test_the_best_comes_first_and_features_are_computed_once(
    photos_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    original = compute.pixel_batches

    def counting(*arguments: object, **options: object) -> Iterator[np.ndarray]:
        for batch in original(*arguments, **options):
            rows.append(len(batch))
            yield batch

    monkeypatch.setattr(compute, "pixel_batches", counting)
    first = compare(photos_dir)
    assert sum(rows) == len(NAMES) * 36
    assert {place.backbone for place in first.places} == set(NAMES)
    assert first.left_out == {}
    assert first.train_images + first.val_images == 36
    values = [place.val_accuracy.value for place in first.places]
    assert values == sorted(values, reverse=True)
    for place in first.places:
        accuracy = place.val_accuracy
        assert accuracy.low <= accuracy.value <= accuracy.high
        assert place.images_per_second > 0
        assert place.image_size == 224
        assert place.size_bytes == 4 * place.parameters
    # Without its 1,000-class head: 512 channels to 3 classes.
    parameters = {place.backbone: place.parameters for place in first.places}
    network = shallow_mobilenet(input_shape=(224, 224, 3), alpha=0.5)
    assert parameters["mobilenet-0.5"] == network.count_params() + 513 * 3

    rows.clear()
    again = compare(photos_dir)
    assert not rows
    assert [place.val_accuracy for place in again.places] == [
        place.val_accuracy for place in first.places
    ]


def test_skewed_and_multi_label_data_use_other_metrics(
    photos_dir: Path,
) -> None:
    colours = {"blue": "cold", "green": "cold|warm", "red": "warm"}
    several = photos_dir / "several.csv"
    lines = [f"{path},{colours[path.parent.name]}" for path in photos_dir.glob("*/*")]
    several.write_text("\n".join(["path,label", *sorted(lines)]))
    (place,) = compare(several, names=NAMES[:1]).places
    assert place.monitor == "mean-average-precision"
    assert 0.5 < place.val_monitored <= 1
    better = replace(
        place, val_monitored=2.0, val_accuracy=Accuracy(0, 0, 0), images_per_second=0
    )
    assert comparison._rank(better) < comparison._rank(place)

    for path in sorted((photos_dir / "red").glob("*"))[2:]:
        path.unlink()
    found = compare(photos_dir)
    assert {place.monitor for place in found.places} == {"macro-f1"}
    figures = [place.val_monitored for place in found.places]
    assert figures == sorted(figures, reverse=True)


def test_backbones_left_out_by_the_budget_are_named(photos_dir: Path) -> None:
    found = compare(photos_dir, budget="0.001s")
    assert found.places == ()
    assert list(found.left_out) == NAMES
    assert all("budget" in reason for reason in found.left_out.values())


def test_the_budget_also_ends_a_backbone_in_progress(
    photos_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget is spent once the second backbone has begun."""
    begun: list[str] = []
    original = comparison.find_weights_file

    def find(config: Config, clock: comparison._Budget) -> Path | None:
        begun.append(config.backbone)
        if config.backbone == NAMES[1]:
            clock._end = 0.0
        return original(config, clock)

    monkeypatch.setattr(comparison, "find_weights_file", find)
    found = compare(photos_dir)
    assert begun == NAMES
    assert [place.backbone for place in found.places] == NAMES[:1]
    assert list(found.left_out) == NAMES[1:]


def test_a_precision_that_this_machine_lacks_is_an_error(
    photos_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Processor, "int8", False)
    monkeypatch.setattr(choice, "has_bfloat16", lambda: False)
    for precision, reason in {"int8": "VNNI", "bfloat16": "not compute in b"}.items():
        with pytest.raises(ConfigError, match=reason):
            compare(photos_dir, engine="openvino", precision=precision)


def test_ctrl_c_while_a_head_is_trained_ends_the_comparison(photos_dir: Path) -> None:
    with pytest.raises(Interrupted):
        compare(photos_dir, NAMES[:1], reporter=pressing_ctrl_c("training the head"))


def test_a_backbone_without_weights_is_left_out_with_the_reason(
    photos_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = comparison.find_weights_file

    def find(config: Config, reporter: Reporter) -> Path | None:
        if config.backbone == NAMES[0]:
            raise RunError("the weights could not be downloaded.")
        return original(config, reporter)

    monkeypatch.setattr(comparison, "find_weights_file", find)
    found = compare(photos_dir)
    assert found.left_out == {NAMES[0]: "the weights could not be downloaded."}
    assert [place.backbone for place in found.places] == NAMES[1:]


@pytest.mark.parametrize("budget", ["0s", "ten minutes", "-5m", "", True])
def test_a_budget_that_is_not_a_duration_is_refused(
    photos_dir: Path, budget: str | bool
) -> None:
    with pytest.raises(ConfigError, match="expected a time such as 90s, 10m or 2h"):
        compare(photos_dir, budget=budget)


def test_a_weights_file_is_refused_for_several_backbones(photos_dir: Path) -> None:
    with pytest.raises(ConfigError, match="it must be imagenet or none"):
        compare(photos_dir, weights="mine.weights.h5")
