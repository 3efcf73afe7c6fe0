import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from auxiliary import mobilenet_has_auxiliary_classifiers
from images_of_run import validation_accuracy
from killed_runs import without_seconds
from recording_reporter import RecordingReporter, pressing_ctrl_c
from shallow_mobilenet import in_place_of_mobilenet

import cnnxfer
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.engines.agreement import Verdict
from cnnxfer.errors import ConfigError, Interrupted, RunError
from cnnxfer.networks.classifier import all_layers, build_classifier
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run, find_run
from cnnxfer.tasks.heads import HEAD
from cnnxfer.training.loop.checkpoint import read_checkpoint
from cnnxfer.training.phases.scratch import take_layers
from cnnxfer.training.phases.whole_network import WholeNetwork

Train = Callable[..., Run]
# Averages, since they have variables of their own.
SETTINGS = {"weights": None, "from_scratch": True, "ema": 0.9, "lr": 0.01}


@pytest.fixture(scope="module")
def scratch(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose network has learned from random weights; tests leave it as it is."""
    return train(tmp_path_factory.mktemp("runs"), **SETTINGS)


def network(classes: int, seed: int) -> keras.Model:
    """Returns a shallow MobileNet with random weights."""
    keras.utils.set_random_seed(seed)
    with in_place_of_mobilenet():
        return build_classifier(
            BACKBONES.get("mobilenet-0.25"),
            image_size=64,
            num_classes=classes,
            dropout=0.2,
        )


def weights_by_layer(model: keras.Model) -> dict[str, list[np.ndarray]]:
    return {
        layer.name: layer.get_weights() for layer in all_layers(model) if layer.weights
    }


def test_everything_learns_from_random_weights(scratch: Run) -> None:
    assert scratch.phase == "scratch"
    assert scratch.config.weights == "none"
    assert scratch.receipt.get("weights_sha256") is None
    assert scratch.metrics.keys() >= {"scratch"}
    assert [row["phase"] for row in scratch.history] == ["scratch"] * 3
    learned = weights_by_layer(load_model(scratch.model_path))
    begun = weights_by_layer(network(3, scratch.config.seed))
    assert learned.keys() == begun.keys()
    for name, weights in learned.items():
        for weight, random in zip(weights, begun[name], strict=True):
            assert not np.array_equal(weight, random), name
    rates = [float(row["learning_rate"]) for row in scratch.history]
    assert rates[0] < 0.01  # the rate rises in the first epoch


def test_it_resumes_as_if_undisturbed(
    train: Train, scratch: Run, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted, match="interrupted in epoch 2 of 3"):
        train(tmp_path, reporter=pressing_ctrl_c("epoch 2/3"), **SETTINGS)
    run = cnnxfer.resume(tmp_path / find_run("latest", tmp_path).name)
    found, expected = (
        [
            *load_model(each.path / "model.keras").get_weights(),
            *arrays_of(each).values(),
        ]
        for each in (run, scratch)
    )
    for value, undisturbed in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, undisturbed)
    assert without_seconds(Run(run.path)) == without_seconds(scratch)
    assert run.metrics == scratch.metrics


def arrays_of(run: Any) -> dict[str, np.ndarray]:
    checkpoint = read_checkpoint(run.path / "checkpoints")
    assert checkpoint
    return checkpoint.arrays()


def test_every_epoch_has_new_views(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    batches = WholeNetwork.training_batches

    def recorded(*arguments: Any, **options: Any) -> Any:
        for pixels, targets in batches(*arguments, **options):
            seen.append(pixels.numpy())
            yield pixels, targets

    monkeypatch.setattr(WholeNetwork, "training_batches", recorded)
    train(tmp_path, **SETTINGS, epochs=2, cache=True)
    steps = len(seen) // 2
    first, second = (
        {view.tobytes() for batch in epoch for view in batch}
        for epoch in (seen[:steps], seen[steps : 2 * steps])
    )
    assert len(first) == len(second) == 24
    assert not first & second


def test_a_model_that_deviates_is_measured_again(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = Verdict(False, "largest difference 0.5")
    monkeypatch.setattr(WholeNetwork, "agreement", lambda _: verdict)
    reporter = RecordingReporter()
    run = train(tmp_path, **SETTINGS, epochs=1, precision="bfloat16", reporter=reporter)
    (warning,) = reporter.warnings
    assert warning.startswith("the saved model deviates from what was trained: largest")
    assert run.metrics["scratch"]["val_accuracy"] == validation_accuracy(run)


def test_fine_tuning_goes_on_from_it(scratch: Run) -> None:
    with in_place_of_mobilenet():
        tuned = cnnxfer.unfreeze(scratch.path, last="100%", epochs=1, lr=0.001)
    assert Run(tuned.path).parent == scratch
    val = scratch.metrics["scratch"]["val_accuracy"]
    assert tuned.metrics["before"]["val_accuracy"] == val


def test_auxiliary_classifiers_are_discarded_and_resumed(
    train: Train, tmp_path: Path
) -> None:
    reporter = RecordingReporter()
    with mobilenet_has_auxiliary_classifiers():
        undisturbed = train(tmp_path / "a", reporter=reporter, **SETTINGS)
        with pytest.raises(Interrupted, match="interrupted in epoch 2 of 3"):
            train(tmp_path / "b", reporter=pressing_ctrl_c("epoch 2/3"), **SETTINGS)
        run = cnnxfer.resume(find_run("latest", tmp_path / "b").path)
    assert any("after conv_pw_1_relu learn, too" in line for line in reporter.infos)
    saved, other = (
        load_model(each.path / "model.keras") for each in (undisturbed, run)
    )
    assert weights_by_layer(saved).keys() == weights_by_layer(network(3, 0)).keys()
    for value, expected in zip(other.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(value, expected)
    arrays, expected_arrays = arrays_of(run), arrays_of(undisturbed)
    assert any("auxiliary_1_conv" in name for name in arrays)
    assert arrays.keys() == expected_arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, expected_arrays[name], err_msg=name)
    assert run.metrics == undisturbed.metrics
    with in_place_of_mobilenet(), mobilenet_has_auxiliary_classifiers():
        tuned = cnnxfer.unfreeze(run.path, last="100%", epochs=1, lr=0.001)
    assert not any("auxiliary" in name for name in arrays_of(tuned))


def test_a_network_begins_with_layers_of_a_run(
    train: Train, scratch: Run, tmp_path: Path
) -> None:
    reporter = RecordingReporter()
    run = train(tmp_path, **SETTINGS, epochs=1, init=scratch.path, reporter=reporter)
    taken = f"19 of 19 layers with weights begin as those of {scratch.path}"
    assert f"{taken}; the others are random" in reporter.infos
    assert run.receipt["init_model_sha256"]
    assert tomllib.loads((run.path / "config.toml").read_text())["scratch"][
        "init"
    ] == str(scratch.path)


def test_only_layers_of_equal_name_and_shape_are_taken(scratch: Run) -> None:
    model, reporter = network(5, 1), RecordingReporter()  # has another head
    before = weights_by_layer(model)
    take_layers(scratch, model, reporter)
    assert reporter.infos[0].startswith("18 of 19 layers")
    known = weights_by_layer(load_model(scratch.model_path))
    for name, weights in weights_by_layer(model).items():
        expected = before[name] if name == HEAD else known[name]
        for weight, value in zip(weights, expected, strict=True):
            np.testing.assert_array_equal(weight, value)


def test_taken_statistics_of_pixels_take_effect(
    scratch: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # EfficientNet V1 keeps a mean and a deviation as weights, and a copy beside them.
    source, model = (
        build_classifier(
            BACKBONES.get("efficientnetb0"), image_size=32, num_classes=2, dropout=0.0
        )
        for _ in range(2)
    )
    norm = next(
        layer
        for layer in all_layers(source)
        if isinstance(layer, keras.layers.Normalization)
    )
    norm.weights[0].assign([120, 110, 90])
    norm.finalize_state()
    monkeypatch.setattr(
        "cnnxfer.training.phases.scratch.load_run_model", lambda _: source
    )
    take_layers(scratch, model, RecordingReporter())
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3))
    np.testing.assert_array_equal(model(pixels), source(pixels))


def test_a_run_without_a_common_layer_is_an_error(scratch: Run) -> None:
    other = build_classifier(
        BACKBONES.get("lenet5"), image_size=32, num_classes=2, dropout=0.0
    )
    with pytest.raises(RunError, match=r"has no layer of the same name and shape"):
        take_layers(scratch, other, RecordingReporter())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"weights": "none"},
            r"^weights='none' alone would train a head on a random backbone .* "
            r"Train all of it with from_scratch=True; .*, add from_scratch=False\.$",
        ),
        (
            {"weights": "vgg.h5", "from_scratch": True},
            r"from_scratch begins with random weights, and weights='vgg\.h5' are ",
        ),
        ({"weights": "imagenet", "from_scratch": True}, "weights='imagenet' are other"),
        ({"from_scratch": True, "views": 2}, "views is for views that are kept, and "),
        ({"init": "latest"}, r"init is for a network .* Add from_scratch=True\."),
        (
            {"from_scratch": True, "epochs": 1, "warmup": 2},
            r"warmup is 2, but epochs is 1 \(\[scratch\]\)",
        ),
        (
            {"backbone": "lenet5"},
            r"lenet5 has no ImageNet weights\. .*, from_scratch=True\); or give",
        ),
        ({"from_scratch": True, "init": "latest"}, "no run"),
    ],
    ids=str,
)
def test_what_contradicts_is_an_error_before_any_work(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        cnnxfer.train("sample", runs_dir=tmp_path / "runs", **options)
    assert not (tmp_path / "runs").exists()


def test_a_file_says_that_everything_learns(train: Train, tmp_path: Path) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text(
        'from_scratch = true\n[scratch]\noptimizer = "sgd"\nlabel_smoothing = 0.0\n'
    )
    run = train(tmp_path / "runs", weights=None, epochs=1, config=config)
    assert run.phase == "scratch"
    settings = run.config.scratch
    assert (settings.optimizer, settings.epochs) == ("sgd", 1)
    assert settings.label_smoothing == 0.0
    frozen = train(tmp_path / "runs", epochs=1, config=config, from_scratch=False)
    assert frozen.phase == "frozen"
