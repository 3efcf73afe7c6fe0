from __future__ import annotations

import inspect
import re
import runpy
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.classics.catalog import classics
from cnnxfer.backbones.torchvision import PUBLISHED
from cnnxfer.backbones.weight_files import PackagedWeights, WeightFile, weight_file
from cnnxfer.errors import ConfigError
from cnnxfer.registry import load_object

SCRIPT = runpy.run_path(
    str(Path(__file__).parents[2] / "scripts" / "weight_files.py"), run_name="script"
)
OF_KERAS = [backbone for backbone in BACKBONES if SCRIPT["is_downloaded"](backbone)]
WITH_WEIGHTS = [each for each in BACKBONES if weight_file(each, include_top=True)]

# Building all of them takes a minute; these build in a second, one of most families.
QUICK = {
    "alexnet",
    "depth-pooling",
    "googlenet",
    "googlenet-bn",
    "lenet5",
    "efficientnet-lite0",
    "mobilenet-0.25",
    "mobilenetv2-1.3",
    "mobilenetv3small",
    "efficientnetb0",
    "efficientnetv2b0",
    "convnexttiny",
    "resnet18",
    "resnet20",
    "resnet50",
    "se-inception",
    "se-resnet20",
    "se-resnet50",
    "vgg11-bn",
    "vgg16",
    "vgg16-1x1",
}
# Of digits, and of CIFAR-10.
OF_TEN_CLASSES = {"lenet5", "resnet20", "se-resnet20"}


def for_each_backbone(backbones: list[Backbone]) -> pytest.MarkDecorator:
    """Parametrizes a test over the networks; those that take long are marked slow."""
    return pytest.mark.parametrize(
        "backbone",
        [
            pytest.param(
                backbone,
                id=backbone.name,
                marks=() if backbone.name in QUICK else pytest.mark.slow,
            )
            for backbone in backbones
        ],
    )


def by_name(backbone: Backbone) -> str:
    return backbone.name


def test_the_catalog_has_every_constructor_of_keras_and_no_other() -> None:
    constructors = {
        f"keras.applications:{name}"
        for name, value in vars(keras.applications).items()
        if inspect.isfunction(value)
    }
    assert len(constructors) == 40
    full_width = [backbone for backbone in OF_KERAS if not backbone.arguments]
    assert sorted(backbone.builder for backbone in full_width) == sorted(constructors)


def test_the_catalog_has_the_widths_that_have_weights() -> None:
    widths = {
        backbone.name: (backbone.builder, backbone.arguments["alpha"])
        for backbone in OF_KERAS
        if backbone.arguments
    }
    v1, v2 = "keras.applications:MobileNet", "keras.applications:MobileNetV2"
    assert widths == {
        "mobilenet-0.25": (v1, 0.25),
        "mobilenet-0.5": (v1, 0.5),
        "mobilenet-0.75": (v1, 0.75),
        "mobilenetv2-0.35": (v2, 0.35),
        "mobilenetv2-0.5": (v2, 0.5),
        "mobilenetv2-0.75": (v2, 0.75),
        "mobilenetv2-1.3": (v2, 1.3),
        "mobilenetv2-1.4": (v2, 1.4),
    }


def test_the_built_in_backbone_is_listed_first() -> None:
    assert BACKBONES.names()[0] == "efficientnet-lite0"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Xception", "xception"),
        ("ResNet-50-V2", "resnet50v2"),
        ("convnext_tiny", "convnexttiny"),
        ("MobileNet_0.25", "mobilenet-0.25"),
        ("EfficientNetLite0", "efficientnet-lite0"),
        ("EfficientNet-Lite-2", "efficientnet-lite2"),
    ],
)
def test_case_and_separators_of_names_do_not_matter(typed: str, name: str) -> None:
    assert BACKBONES.get(typed).name == name


def test_unknown_name_suggests_a_near_one() -> None:
    with pytest.raises(ConfigError) as caught:
        BACKBONES.get("xceptoin")
    assert str(caught.value) == (
        "unknown backbone 'xceptoin'. Did you mean 'xception'?"
    )


# MobileNetV3 leaves its size open; the names of its weight files say 224.
@pytest.mark.parametrize(
    "backbone",
    [backbone for backbone in OF_KERAS if "mobilenetv3" not in backbone.name],
    ids=by_name,
)
def test_image_size_is_the_default_of_the_constructor(backbone: Backbone) -> None:
    side = backbone.image_size
    with pytest.raises(ValueError, match=rf"should be \({side}, {side}, 3\)"):
        load_object(backbone.builder)(
            weights="imagenet", input_shape=(1000, 1000, 3), **backbone.arguments
        )


@pytest.mark.parametrize("backbone", OF_KERAS, ids=by_name)
def test_min_size_is_the_smallest_that_the_constructor_accepts(
    backbone: Backbone,
) -> None:
    side = backbone.min_size
    with pytest.raises(ValueError, match=f"must be at least {side}x{side};"):
        load_object(backbone.builder)(
            weights=None,
            include_top=False,
            input_shape=(side - 1, side - 1, 3),
            **backbone.arguments,
        )


@pytest.mark.parametrize("backbone", OF_KERAS, ids=by_name)
def test_normalization_matches_keras(backbone: Backbone) -> None:
    pixels = np.array([[[[0.0, 100.0, 255.0]]]])  # (1, 1, 1, 3), RGB
    rgb = pixels[0, 0, 0]
    expected = {
        "caffe": rgb[::-1] - [103.939, 116.779, 123.68],
        "tf": rgb / 127.5 - 1,
        "torch": (rgb / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "built_in": rgb,
    }[backbone.normalization]
    module = sys.modules[load_object(backbone.builder).__module__]
    found = module.preprocess_input(pixels.copy())[0, 0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@for_each_backbone(list(BACKBONES))
def test_parameter_counts_match_the_built_networks(backbone: Backbone) -> None:
    with keras.StatelessScope(initialize_variables=False):
        model = load_object(backbone.builder)(
            weights=None,
            input_shape=(backbone.image_size, backbone.image_size, backbone.channels),
            **backbone.arguments,
        )
    assert model.count_params() == backbone.parameters
    classes = 10 if backbone.name in OF_TEN_CLASSES else 1000
    assert model.output_shape == (None, classes)


@pytest.mark.parametrize("backbone", WITH_WEIGHTS, ids=by_name)
def test_published_accuracies_are_in_range(backbone: Backbone) -> None:
    assert backbone.top1 is not None
    assert 0.5 < backbone.top1 < 0.9
    assert backbone.top5 is None or backbone.top1 < backbone.top5 < 1
    assert backbone.paper.startswith("https://arxiv.org/abs/")


@for_each_backbone(OF_KERAS)
def test_weight_files_are_the_ones_that_keras_downloads(backbone: Backbone) -> None:
    for include_top in (True, False):
        assert weight_file(backbone, include_top=include_top) == SCRIPT["record"](
            backbone, include_top=include_top
        )


def test_every_weight_file_is_a_different_download() -> None:
    files = [
        file
        for backbone in OF_KERAS
        for include_top in (True, False)
        if isinstance(
            file := weight_file(backbone, include_top=include_top), WeightFile
        )
    ]
    assert len(files) == len({file.name for file in files}) == 2 * len(OF_KERAS)
    for file in files:
        assert file.url.startswith("https://")
        assert len(file.digest) in (0, 32, 64)
        # Keras publishes no hash of MobileNet V1 and V2 alone.
        old = "mobilenet" in file.name and "mobilenet_v3" not in file.name
        assert (file.digest == "") == old


def test_packaged_weights_are_one_file_for_both() -> None:
    for name in ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"):
        file = weight_file(BACKBONES.get(name), include_top=True)
        assert file is weight_file(BACKBONES.get(name), include_top=False)
        assert isinstance(file, PackagedWeights)
        # Both the name of the file and that of the package tell what it is.
        assert file.digest[:8] in file.file
        assert file.distribution.startswith(name)


def test_torchvisions_weights_are_one_file_for_both() -> None:
    for name in PUBLISHED:
        file = weight_file(BACKBONES.get(name), include_top=True)
        assert file == weight_file(BACKBONES.get(name), include_top=False)
        assert isinstance(file, WeightFile)
        assert file.url == f"https://download.pytorch.org/models/{file.name}"
        assert re.fullmatch(rf"[a-z0-9_-]+-{file.digest}\.pth", file.name)
        assert re.fullmatch("[0-9a-f]{8}", file.digest)


def test_other_classic_networks_have_no_weights() -> None:
    without = {each.name for each in BACKBONES} - {each.name for each in WITH_WEIGHTS}
    assert {"alexnet", "googlenet", "lenet5", "vgg16-1x1"} < without
    assert without == {each.name for each in classics()} - PUBLISHED.keys()
