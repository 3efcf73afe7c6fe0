"""The classic networks have the parameters and the maps of their papers."""

import math

import keras
import numpy as np
import pytest

from cnnxfer.backbones.build import NORMALIZATIONS, build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.classics.catalog import classics
from cnnxfer.networks.auxiliary import with_auxiliary_classifiers
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.registry import load_object

TORCHVISION = "https://pytorch.org/vision/stable/models.html, num_params"
TIMM = (
    "https://github.com/huggingface/pytorch-image-models, results/results-imagenet.csv"
)
# The parameters that learn, and who says so.
PARAMETERS = {
    # Layer by layer in the paper, section II.B: 156 + 12 + 1,516 + 32 + 48,120 + 10,164
    # are 60,000; the ten classes have 850 more.
    "lenet5": (60_850, "LeCun et al., 1998"),
    "alexnet": (
        60_965_224,
        "Krizhevsky et al., 2012: 60 million; Caffe's bvlc_alexnet",
    ),
    # C3, C6 and C7 read twice the maps: 307,200 + 663,552 + 442,368 weights more.
    "alexnet-ungrouped": (60_965_224 + 1_413_120, "counted from the paper's table"),
    "alexnet-owt": (61_100_840, TORCHVISION),
    "vgg11": (132_863_336, TORCHVISION),
    "vgg11-bn": (132_868_840, TORCHVISION),
    "vgg13": (133_047_848, TORCHVISION),
    "vgg13-bn": (133_053_736, TORCHVISION),
    # Of VGG16, 256 * 256 * 8 and twice 512 * 512 * 8 weights of 3x3 are not in 1x1.
    "vgg16-1x1": (138_357_544 - 4_718_592, "the paper's table 2: 134 million"),
    "vgg16-torch": (138_357_544, TORCHVISION),
    "vgg16-bn": (138_365_992, TORCHVISION),
    "vgg19-torch": (143_667_240, TORCHVISION),
    "vgg19-bn": (143_678_248, TORCHVISION),
    "googlenet": (
        6_998_552,
        "Caffe's bvlc_googlenet without its auxiliary classifiers",
    ),
    "googlenet-bn": (6_624_904, TORCHVISION),
    "resnet18": (11_689_512, TORCHVISION),
    "resnet34": (21_797_672, TORCHVISION),
    # The convolutions, BatchNormalization and classes: 267,696 + 1,376 + 650.
    "resnet20": (269_722, "He et al., 2015, table 6: 0.27 million; its section 4.2"),
    # As below; of modules, each stage has 3.
    "se-resnet20": (
        269_722
        + sum(
            3 * (2 * maps * (maps // 16) + maps // 16 + maps) for maps in (16, 32, 64)
        ),
        "counted from the SENet paper's section 3",
    ),
    "se-resnet18": (11_778_592, f"{TIMM}: legacy_seresnet18"),
    "se-resnet34": (21_958_868, f"{TIMM}: legacy_seresnet34"),
    "se-resnet50": (28_088_024, f"{TIMM}: seresnet50"),
    # For each module of C maps, 2 * C * (C // 16) weights, and biases.
    "se-inception": (
        6_624_904
        + sum(
            2 * maps * (maps // 16) + maps // 16 + maps
            for maps in (256, 480, 512, 512, 512, 528, 832, 832, 1024)
        ),
        "counted from the SENet paper's section 3",
    ),
    "depth-pooling": (315_496, "counted from its table"),
}
NAMES = [backbone.name for backbone in classics()]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_that_learn_are_those_of_the_paper(name: str) -> None:
    entry = BACKBONES.get(name)
    with keras.StatelessScope(initialize_variables=False):
        network = load_object(entry.builder)(
            input_shape=(entry.image_size, entry.image_size, entry.channels),
            **entry.arguments,
        )
    learning = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    assert learning == PARAMETERS[name][0]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("googlenet", 13_378_280),  # Caffe's bvlc_googlenet
        ("googlenet-bn", 13_004_888),  # torchvision, googlenet.py, aux_logits=True
    ],
)
def test_auxiliary_classifiers_are_those_of_the_paper(
    name: str, parameters: int
) -> None:
    entry = BACKBONES.get(name)
    with keras.StatelessScope(initialize_variables=False):
        classifier = build_classifier(
            entry, image_size=224, num_classes=1000, dropout=0.0
        )
        network = with_auxiliary_classifiers(classifier, entry)
    assert [each.shape for each in network.outputs] == [(None, 1000)] * 3
    learning = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    assert learning == parameters


def test_small_pictures_have_auxiliary_classifiers_too() -> None:
    entry = BACKBONES.get("se-inception")
    with keras.StatelessScope(initialize_variables=False):
        classifier = build_classifier(entry, image_size=32, num_classes=7, dropout=0.0)
        network = with_auxiliary_classifiers(classifier, entry)
    assert [each.shape for each in network.outputs] == [(None, 7)] * 3


# The maps before the head, at the size of the paper.
SHAPES = {
    "lenet5": (1, 1, 84),
    "alexnet": (6, 6, 256),
    "alexnet-owt": (6, 6, 256),
    "vgg11": (7, 7, 512),
    "googlenet": (7, 7, 1024),
    "resnet20": (8, 8, 64),
    "resnet34": (7, 7, 512),
    "se-resnet50": (7, 7, 2048),
}


@pytest.mark.parametrize("name", SHAPES)
def test_maps_have_the_size_of_the_paper(name: str) -> None:
    entry = BACKBONES.get(name)
    with keras.StatelessScope(initialize_variables=False):
        network = build_backbone(entry, image_size=entry.image_size)
    assert network.output_shape[1:] == SHAPES[name]


@pytest.mark.slow
def test_columns_of_alexnet_meet_in_c5_only() -> None:
    network = build_backbone(BACKBONES.get("alexnet"), image_size=67)
    maps = keras.Input(network.get_layer("s2").output.shape[1:])
    after = keras.Model(network.get_layer("s2").output, network.get_layer("c3").output)
    whole = keras.Model(network.get_layer("s2").output, network.get_layer("c5").output)
    values = (
        np.random.default_rng(0).normal(size=(1, *maps.shape[1:])).astype("float32")
    )
    changed = values.copy()
    changed[..., 48:] += 1  # the maps of the second column
    difference = np.abs(np.asarray(after(values)) - np.asarray(after(changed)))
    assert difference[..., :128].max() == 0
    assert difference[..., 128:].max() > 0
    difference = np.abs(np.asarray(whole(values)) - np.asarray(whole(changed)))
    assert difference[..., :192].max() > 0


def test_lenet5_sees_grey_pixels_as_the_paper_says() -> None:
    entry = BACKBONES.get("lenet5")
    pixels = keras.Input((32, 32, 3))
    seen = keras.Model(pixels, NORMALIZATIONS[entry.normalization](pixels))
    white, black = np.full((1, 32, 32, 3), 255, "uint8"), np.zeros((1, 32, 32, 3))
    # In MNIST's files, paper is black and ink is white.
    assert np.asarray(seen(black)) == pytest.approx(-0.1, abs=1e-3)
    assert np.asarray(seen(white)) == pytest.approx(1.175, abs=1e-3)
    # Green counts most, as the eye sees it.
    green, blue = black.copy(), black.copy()
    green[..., 1], blue[..., 2] = 255, 255
    assert np.asarray(seen(green)).min() > np.asarray(seen(blue)).max()
