"""Every entry of the catalog builds, and sees pixels as its weights expect them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from families import SMALLEST
from memory import release_memory

from cnnxfer.backbones import build
from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS, build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights
from cnnxfer.config import FineTune
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.networks.classifier import (
    all_layers,
    backbone_of,
    build_classifier,
    build_imagenet_classifier,
    copy_weights,
)
from cnnxfer.networks.explained.layer import POOLING, check_layer, layer_to_explain
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.networks.graph import boundaries
from cnnxfer.networks.saving import (
    ALLOWED_CLASSES,
    OWN_LAYERS,
    config_classes,
    load_model,
    save_model,
)
from cnnxfer.registry import load_object
from cnnxfer.tasks.heads import HEAD
from cnnxfer.training.phases.fine_tune import statistics_hash
from cnnxfer.training.phases.stages import stages_of, unfreeze

# Every cell of NASNet reads the two before it, and some classics have few layers.
FEWEST = {"nasnetmobile": 2, "nasnetlarge": 2, "convnexttiny": 20}
FEWEST |= {
    "lenet5": 11,
    "alexnet": 8,
    "alexnet-ungrouped": 8,
    "alexnet-owt": 8,
    "depth-pooling": 7,
}
NAMED = {
    "densenet121": ("conv4_block7_concat", "conv4_block7_2_conv"),
    "efficientnet-lite0": ("blocks_10_add", "blocks_10_bn2"),
    "efficientnetv2b0": ("block5c_add", "block5c_project_conv"),
    "resnet50": ("conv4_block6_out", "conv4_block6_2_relu"),
    "vgg16": ("block4_pool", "predictions"),
    "xception": ("block14_sepconv1_act", "block13_sepconv1"),
}
# One of each family; the others are reloaded with `-m slow`.
RELOADED = {
    "alexnet",
    "convnexttiny",
    "densenet121",
    "depth-pooling",
    "efficientnet-lite0",
    "efficientnetb0",
    "efficientnetv2b0",
    "lenet5",
    "mobilenet-0.25",
    "mobilenetv2-0.35",
    "mobilenetv3small",
    "resnet20",
    "resnet50",
    "se-resnet18",
    "vgg16",
    "xception",
}


def entries(fast: set[str]) -> list[object]:
    return [
        pytest.param(
            backbone,
            id=backbone.name,
            marks=() if backbone.name in fast else pytest.mark.slow,
        )
        for backbone in BACKBONES
    ]


@pytest.fixture(scope="module", params=entries(SMALLEST))
def classifier(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[Backbone, keras.Model]]:
    """A catalog entry and its classifier at the smallest image size."""
    yield request.param, small_classifier(request.param)
    keras.backend.clear_session()
    release_memory()


@pytest.fixture(scope="module")
def answers(classifier: tuple[Backbone, keras.Model]) -> list[np.ndarray]:
    """The features and logits of the classifier for `pixels`."""
    return features_and_logits(*classifier)


def small_classifier(backbone: Backbone) -> keras.Model:
    """Builds a classifier whose weights are random, and none of them zero.

    Keras begins with biases of 0 and scales of 1: nobody would miss them.
    """
    model = build_classifier(
        backbone, image_size=backbone.min_size, num_classes=3, dropout=0.2
    )
    backbone_of(model).trainable = False
    random = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1:
            weight.assign(weight + random.uniform(-0.1, 0.1, weight.shape))
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return model


def features_and_logits(
    backbone: Backbone, model: keras.Model, training: bool = False
) -> list[np.ndarray]:
    both = keras.Model(model.input, [model.get_layer("pool").input, model.output])
    images = np.float32(pixels(backbone.min_size))
    return [np.asarray(values) for values in both(images, training=training)]


def pixels(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)


def test_pixels_to_logits(
    classifier: tuple[Backbone, keras.Model], answers: list[np.ndarray]
) -> None:
    network = backbone_of(classifier[1])
    features, logits = answers
    assert None not in network.output_shape[1:]
    assert features.shape == (2, *network.output_shape[1:])
    assert np.isfinite(features).all()
    assert np.ptp(features) > 0
    assert logits.shape == (2, 3)


def test_answers_are_explained_at_maps_of_several_places(
    classifier: tuple[Backbone, keras.Model],
) -> None:
    """Also in the smallest pictures, whose last maps mostly have one place."""
    backbone, model = classifier
    network = backbone_of(model)
    layer = layer_to_explain(network, backbone)
    (found,) = (each for each in network.operations if each.name == layer)
    assert max(found.output.shape[1:3]) > 1
    assert not isinstance(found, POOLING)
    check_layer(network, layer)


def test_only_networks_with_built_in_normalization_have_layers_for_it(
    classifier: tuple[Backbone, keras.Model],
) -> None:
    backbone, model = classifier
    network = backbone_of(model)
    kinds = keras.layers.Rescaling | keras.layers.Normalization
    layers = [layer for layer in network.layers if isinstance(layer, kinds)]
    if backbone.normalization != "built_in":
        assert layers == []
        return
    images = np.float32(pixels(backbone.min_size))
    found = keras.Model(network.input, layers[-1].output)(images)
    np.testing.assert_allclose(
        found,
        normalized_as_published(backbone.name, images, layers),
        rtol=1e-4,
        atol=1e-5,
    )


def normalized_as_published(
    name: str, x: np.ndarray, layers: list[keras.layers.Layer]
) -> np.ndarray:
    """Returns pixels normalized as the published weights expect them."""
    mean, deviation = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    if name.startswith("mobilenetv3"):
        return x / 127.5 - 1
    if name.startswith("efficientnetb"):
        # The first two come with the weights, and only they.
        of_weights, variance, _ = layers[1].get_weights()
        return (x / 255 - of_weights) / np.sqrt(variance) / np.sqrt(deviation)
    if name in ("efficientnetv2s", "efficientnetv2m", "efficientnetv2l"):
        return x / 128 - 1
    return (x / 255 - mean) / deviation


def test_a_frozen_network_gives_the_same_features_in_training(
    classifier: tuple[Backbone, keras.Model], answers: list[np.ndarray]
) -> None:
    features, _ = features_and_logits(*classifier, training=True)
    np.testing.assert_array_equal(features, answers[0])


def test_layers_with_statistics_can_be_frozen_one_by_one(
    classifier: tuple[Backbone, keras.Model],
) -> None:
    network = backbone_of(classifier[1])
    held = (keras.layers.BatchNormalization, keras.layers.Normalization)
    nested = [
        layer.name
        for layer in network._flatten_layers()
        if isinstance(layer, held) and layer not in network.layers
    ]
    assert nested == []


def test_a_saved_model_has_only_classes_that_loading_allows(
    classifier: tuple[Backbone, keras.Model],
) -> None:
    config = keras.saving.serialize_keras_object(classifier[1])
    own = {name for name, layer in OWN_LAYERS.items() if layer in classifier[0].layers}
    assert set(config_classes(config)) <= ALLOWED_CLASSES | own


def test_cuts_are_the_layers_that_every_path_passes_through(
    classifier: tuple[Backbone, keras.Model],
) -> None:
    backbone, model = classifier
    network = backbone_of(model)
    found = boundaries(network)
    assert len(found) >= FEWEST.get(backbone.name, 15)
    assert found == dominators(network)
    if backbone.name in NAMED:
        at, within = NAMED[backbone.name]
        assert at in found
        assert within not in found


def dominators(network: keras.Model) -> list[str]:
    """Returns the operations on every path from input to output, by trying each."""
    readers: dict[str, list[str]] = {}
    for operation in network.operations:
        readers.setdefault(operation.name, [])
        if not isinstance(operation, keras.layers.InputLayer):
            for tensor in keras.tree.flatten(operation.input):
                made_by = tensor._keras_history.operation.name
                readers.setdefault(made_by, []).append(operation.name)
    names = [operation.name for operation in network.operations]

    def is_reachable_without(avoided: str) -> bool:
        waiting, seen = [names[0]], {avoided}
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(readers[name])
        return names[-1] in seen

    return [name for name in names[1:-1] if not is_reachable_without(name)]


def test_training_does_not_change_frozen_statistics(
    classifier: tuple[Backbone, keras.Model],
) -> None:
    backbone, model = classifier
    before = model.get_weights()
    try:
        settings = FineTune(last="100%", batch_norm="frozen")
        unfreeze(model, stages_of(model, settings)[0], settings)
        statistics = statistics_hash(model)
        scales = {
            weight.path: np.array(weight)
            for layer in all_layers(model)
            if isinstance(layer, keras.layers.BatchNormalization)
            for weight in layer.weights
        }
        bias = np.array(model.get_layer(HEAD).bias)
        learning = fused_network(model, "float32")
        # Step by step: one step is not worth compiling it.
        learning.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
        learning.train_on_batch(pixels(backbone.min_size), np.ones((2, 3), np.float32))
        assert statistics_hash(model) == statistics
        for layer in all_layers(model):
            for weight in layer.weights:
                if weight.path in scales:
                    np.testing.assert_array_equal(weight, scales[weight.path])
        # It did learn; signals of random weights are too weak to move many.
        assert not np.array_equal(model.get_layer(HEAD).bias, bias)
    finally:  # other tests go on with it
        model.set_weights(before)
        backbone_of(model).trainable = False


@pytest.mark.parametrize("classifier", entries(RELOADED), indirect=True)
def test_a_saved_model_answers_the_same(
    classifier: tuple[Backbone, keras.Model],
    answers: list[np.ndarray],
    tmp_path: Path,
) -> None:
    backbone, model = classifier
    save_model(model, tmp_path / "model.keras")
    keras.backend.clear_session()
    loaded = load_model(tmp_path / "model.keras")
    logits = loaded(pixels(backbone.min_size))
    np.testing.assert_array_equal(logits, answers[1])
    assert np.ptp(logits) > 0
    pairs = zip(loaded.get_weights(), model.get_weights(), strict=True)
    for weight, expected in pairs:
        np.testing.assert_array_equal(weight, expected)


def families() -> list[tuple[str, str]]:
    """Returns each module of keras.applications with its entries' normalization."""
    return sorted(
        {
            (load_object(backbone.builder).__module__, backbone.normalization)
            for backbone in BACKBONES
            if backbone.builder.startswith("keras.applications:")
        }
    )


@pytest.mark.parametrize(("module", "normalization"), families())
def test_normalization_matches_keras(module: str, normalization: str) -> None:
    images = np.float32(pixels(8))
    expected = import_module(module).preprocess_input(images.copy())
    found = normalized_outside(normalization, images)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_normalization_of_efficientnet_lite() -> None:
    # MEAN_RGB and STDDEV_RGB of its authors' efficientnet_lite_builder.py.
    images = np.float32(pixels(8))
    np.testing.assert_allclose(
        normalized_outside("lite", images), (images - 127) / 128, rtol=1e-5, atol=1e-5
    )


def normalized_outside(normalization: str, images: np.ndarray) -> np.ndarray:
    inputs = keras.Input(images.shape[1:])
    return np.asarray(
        keras.Model(inputs, NORMALIZATIONS[normalization](inputs))(images)
    )


def test_efficientnet_v1_is_what_keras_builds_for_its_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    files = import_module("keras.src.applications.efficientnet").file_utils
    monkeypatch.setattr(files, "get_file", lambda name, *_, **__: asked.append(name))
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    shape = (32, 32, 3)
    theirs = keras.applications.EfficientNetB0(
        include_top=False, weights="imagenet", input_shape=shape
    )
    assert asked == ["efficientnetb0_notop.h5"]
    ours = build_backbone(BACKBONES.get("efficientnetb0"), image_size=32)

    def layers(network: keras.Model) -> list[tuple[type, object, object]]:
        # Names number the layers of one kind; dropout is left out on purpose.
        unlike = {"name": None, "rate": None, "seed": None}
        return [
            (type(layer), {**layer.get_config(), **unlike}, layer.output.shape)
            for layer in network.layers
        ]

    assert layers(ours) == layers(theirs)
    weights = [[weight.shape for weight in each.weights] for each in (ours, theirs)]
    assert weights[0] == weights[1]


def names_of(network: keras.Model) -> list[str]:
    operations = [operation.name for operation in network.operations]
    return [*operations, *(weight.path for weight in network.weights)]


@pytest.mark.parametrize("name", ["inceptionv3", "mobilenetv3small", "xception"])
def test_layers_have_the_same_names_whatever_was_built_before(name: str) -> None:
    backbone = BACKBONES.get(name)
    first = build_backbone(backbone, image_size=backbone.min_size)
    later = keras.layers.Conv2D(3, 3), keras.layers.Add(), keras.layers.Conv2D(3, 3)
    second = build_backbone(backbone, image_size=backbone.min_size)
    assert names_of(first) == names_of(second)
    # What is built in between can stand beside them, in one model.
    assert len({layer.name for layer in later}) == 3
    assert not {layer.name for layer in later} & set(names_of(first))


def test_layer_names_are_the_same_as_in_a_new_process() -> None:
    script = (
        "import sys\n"
        "from cnnxfer.backbones.build import build_backbone\n"
        "from cnnxfer.backbones.catalog import BACKBONES\n"
        "network = build_backbone(BACKBONES.get('xception'), image_size=71)\n"
        "print(*(operation.name for operation in network.operations))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    network = build_backbone(BACKBONES.get("xception"), image_size=71)
    assert done.stdout.split() == [layer.name for layer in network.operations]
    assert "add_11" in done.stdout.split()


def test_building_a_backbone_does_not_reset_keras_layer_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dense() -> str:
        return str(keras.layers.Dense(1).name)

    def number(name: str) -> int:
        return int(name.rpartition("_")[2])

    dense()  # the first one ever has no number
    before = number(dense())
    build_backbone(BACKBONES.get("mobilenet-0.25"), image_size=32)
    assert number(dense()) == before + 1


def test_weights_can_be_copied_between_models_with_other_layer_names(
    tmp_path: Path,
) -> None:
    """A model from another process can have other numbers in its layers' names."""
    backbone = BACKBONES.get("inceptionv3")
    old = small_classifier(backbone)
    config = json.dumps(keras.saving.serialize_keras_object(old))
    config = re.sub(r'"((conv2d|batch_normalization)_)(\d)', r'"\g<1>9\3', config)
    renamed = keras.saving.deserialize_keras_object(json.loads(config))
    renamed.set_weights(old.get_weights())
    save_model(renamed, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert "conv2d_93" in names_of(backbone_of(loaded))
    new = small_classifier(backbone)
    for weight in new.weights:
        weight.assign(weight * 0)
    copy_weights(loaded, new)
    for mine, its in zip(new.get_weights(), old.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_nasnet_can_be_built_with_its_head() -> None:
    model = build_imagenet_classifier(BACKBONES.get("nasnetmobile"), None)
    assert model.output_shape == (None, 1000)


def test_an_image_size_that_is_too_small_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        build_backbone(BACKBONES.get("xception"), image_size=64)
    assert str(caught.value) == (
        "image_size is 64; xception needs at least 71 (it is made for 299)."
    )


@pytest.mark.parametrize(
    "name", ["other.weights.h5", "other.h5", "noise.h5", "lite0.pth"]
)
def test_weights_of_another_network_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.startswith("other"):
        other = BACKBONES.get("mobilenetv2-0.35")
        build_backbone(other, image_size=32).save_weights(tmp_path / "x.weights.h5")
        (tmp_path / "x.weights.h5").rename(path)
    elif name == "noise.h5":
        path.write_bytes(b"noise" * 1000)
    else:
        lite = find_weights(BACKBONES.get("efficientnet-lite0"), include_top=False)
        path.symlink_to(lite)
    with pytest.raises(DataError) as caught:
        build_backbone(
            BACKBONES.get("mobilenet-0.25"), image_size=32, weights_path=path
        )
    message = str(caught.value)
    assert message.startswith(f"{path} does not hold the weights of mobilenet-0.25: ")
    assert "Expected a .h5 or .weights.h5 file of these 54 layers" in message


def test_weights_over_the_limit_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.h5"
    path.write_bytes(b"0" * 2000)
    monkeypatch.setattr(build, "SIZE_LIMIT_BYTES", 1000)
    with pytest.raises(DataError, match=r"the limit for a weight file is 1\.0 kB"):
        build_backbone(
            BACKBONES.get("mobilenet-0.25"), image_size=32, weights_path=path
        )


def test_files_of_weights_that_could_fill_memory_are_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.Model, "load_weights", None)
    backbone, path = BACKBONES.get("mobilenet-0.25"), tmp_path / "x.weights.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("kernel", data=np.zeros((999, 99)), compression="gzip")
    with pytest.raises(DataError, match=r"x\.weights\.h5 holds compressed tensors"):
        build_backbone(backbone, image_size=32, weights_path=path)
    (tmp_path / "x.keras").write_bytes(b"")
    with pytest.raises(DataError, match="it is no HDF5 file by its name"):
        build_backbone(backbone, image_size=32, weights_path=tmp_path / "x.keras")


@pytest.mark.parametrize("include_top", [False, True])
def test_mobilenet_gives_the_same_outputs_as_keras(
    shared: Path, monkeypatch: pytest.MonkeyPatch, include_top: bool
) -> None:
    models_dir = shared / "weights" / "keras" / "models"
    files = import_module("keras.src.applications.mobilenet").file_utils
    monkeypatch.setattr(files, "get_file", lambda name, *_, **__: models_dir / name)
    theirs = keras.applications.MobileNet(
        alpha=0.25, weights="imagenet", include_top=include_top
    )
    monkeypatch.setenv("KERAS_HOME", str(models_dir.parent))
    backbone = BACKBONES.get("mobilenet-0.25")
    path = find_weights(backbone, include_top=include_top)
    images = pixels(224)
    if include_top:
        ours = build_imagenet_classifier(backbone, path)
    else:
        model = build_classifier(
            backbone, image_size=224, num_classes=3, dropout=0.2, weights_path=path
        )
        ours = keras.Model(model.input, model.get_layer("pool").input)
    expected = theirs(keras.applications.mobilenet.preprocess_input(np.float32(images)))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(ours(images), expected, atol=1e-4)
