from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnxfer import api
from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.data.image_source import ImageSource
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.prediction.classifier import load_classifier
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, find_run
from cnnxfer.training.loop import PhaseRun
from cnnxfer.training.model import HEAD, backbone_of, load_model
from cnnxfer.training.prepare import load_parts
from cnnxfer.training.score import Score

Train = Callable[..., Run]


def test_only_the_head_learns(parent: Run, weights_path: Path) -> None:
    model = load_model(parent.model_path)
    assert np.abs(model.get_layer(HEAD).get_weights()[1]).min() > 0  # began at 0
    fresh = build_backbone(
        BACKBONES.get(parent.config.backbone),
        image_size=parent.config.image_size,
        weights_path=weights_path,
    )
    pairs = zip(backbone_of(model).weights, fresh.weights, strict=True)
    for trained, original in pairs:
        np.testing.assert_array_equal(trained, original, original.path)


def test_metrics_are_the_best_epoch_and_the_kept_model_has_them(parent: Run) -> None:
    kept = parent.metrics["frozen"]
    epochs = [
        (float(row["val_accuracy"]), -float(row["val_loss"]), int(row["epoch"]))
        for row in parent.history
    ]
    assert len(epochs) == 3
    assert (kept["val_accuracy"], -kept["val_loss"], kept["epoch"]) == max(epochs)
    examples = load_parts(parent, Reporter()).validation
    answers = load_classifier(parent, Reporter()).answer(
        [ImageSource(example.id, example.read) for example in examples],
        "",
        Reporter(),
    )
    right = [
        answer.probabilities.argmax() == example.label
        for answer, example in zip(answers, examples, strict=True)
    ]
    assert kept["val_images"] == len(examples)
    assert kept["val_accuracy"] == round(float(np.mean(right)), 6)


def test_the_best_epoch_is_kept_not_the_last(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([(0.5, 1.0), (0.9, 1.0), (0.9, 2.0)])  # accuracy, loss
    heads = []
    keep = PhaseRun.keep

    def keep_scripted(phase: PhaseRun, score: Score, row: dict[str, str]) -> None:
        heads.append(phase.model.get_layer(HEAD).get_weights()[0])
        accuracy, loss = next(scores)
        keep(phase, replace(score, accuracy=accuracy, loss=loss), row)

    monkeypatch.setattr(PhaseRun, "keep", keep_scripted)
    run = train(tmp_path)
    kept = load_model(run.model_path).get_layer(HEAD).get_weights()[0]
    assert [np.array_equal(kept, head) for head in heads] == [False, True, False]
    assert run.metrics["frozen"]["epoch"] == 2


def test_a_loss_that_is_no_number_stops_with_epoch_step_and_rate(
    train: Train, tmp_path: Path
) -> None:
    with pytest.raises(RunError) as caught:
        train(tmp_path, optimizer="sgd", schedule="constant", lr=1e38)
    message = str(caught.value)
    assert "in epoch 1, step 2, at learning rate 1e+38. Try a lower --lr." in message
    assert find_run("latest", tmp_path).receipt["status"] == "failed"


def test_a_validation_loss_that_is_no_number_stops_before_it_is_kept(
    train: Train, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=r"validation loss is (nan|inf) after"):
        train(tmp_path, batch_size=24, optimizer="sgd", schedule="constant", lr=1e38)
    assert not find_run("latest", tmp_path).model_path.exists()


def test_running_out_of_memory_is_explained(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras
    import tensorflow as tf

    def fit(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(RunError, match=r"memory ran out with --batch-size 8 at 64"):
        train(tmp_path)


def test_a_photo_that_broke_since_is_named(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnxfer.training import prepare

    def split(data: prepare.Data) -> prepare.Parts:
        parts = original(data)
        broken = parts.validation[0].path
        content[broken] = broken.read_bytes()
        broken.write_bytes(content[broken][:100])
        return parts

    original, content = prepare.Data.split, {}
    monkeypatch.setattr(prepare.Data, "split", split)
    try:
        with pytest.raises(DataError, match=r"\.png cannot be read any more"):
            train(tmp_path)
    finally:
        for path, data in content.items():
            path.write_bytes(data)


def test_weights_of_ones_own_that_are_gone_are_missed(
    train: Train, tmp_path: Path, weights_path: Path
) -> None:
    mine = tmp_path / "mine.weights.h5"
    mine.write_bytes(weights_path.read_bytes())
    run = train(tmp_path / "runs", weights=mine, epochs=1)
    run.update_receipt(status="interrupted")
    with mine.open("ab") as stream:
        stream.write(b"!")
    with pytest.raises(RunError, match=r"mine\.weights\.h5 has changed since"):
        api.resume(run)
    mine.unlink()
    with pytest.raises(ConfigError, match=r"mine\.weights\.h5 is no file any more"):
        api.resume(run)
