"""The table of the classic networks, by family.

Parameters are counted on the built networks, with their heads; those that learn are as
many as the papers or the reference implementations have, as a test with the sources
says. A model file may name the layers of a network that Keras does not have.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cnnxfer.backbones.backbone import Auxiliary, Backbone
from cnnxfer.backbones.torchvision import PUBLISHED


class _Family(NamedTuple):
    builder: str  # of this package
    normalization: str
    image_size: int
    min_size: int
    paper: str
    layers: tuple[str, ...] = ()
    auxiliary: Auxiliary | None = None
    explained_layer: str | None = None


def _auxiliary(builder: str, *layers: str) -> Auxiliary:
    return Auxiliary(f"{__package__}.googlenet:{builder}", layers, weight=0.3)


_LRN = ("LocalResponseNormalization",)
_BN = {"normalized": True}
_SE = {"excited": True}
# The networks of a family: their parameters and arguments.
_FAMILIES: dict[_Family, dict[str, tuple[int, dict[str, Any]]]] = {
    _Family(
        "lenet5:LeNet5",
        "grey",
        32,
        32,
        "http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf",
        ("PartialConvolution", "ScaledTanh"),
        # Behind its averages, which have weights and so do not look like pooling, the
        # maps have one place, or few.
        explained_layer="c3_tanh",
    ): {"lenet5": (60_850, {})},
    _Family(
        "alexnet:AlexNet",
        "caffe",
        227,
        67,
        "https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-"
        "convolutional-neural-networks",
        _LRN,
    ): {
        "alexnet": (60_965_224, {}),
        "alexnet-ungrouped": (62_378_344, {"columns": 1}),
    },
    _Family(
        "alexnet:AlexNetOWT", "torch", 224, 63, "https://arxiv.org/abs/1404.5997"
    ): {"alexnet-owt": (61_100_840, {})},
    _Family("vgg:VGG", "torch", 224, 32, "https://arxiv.org/abs/1409.1556"): {
        "vgg11": (132_863_336, {"convolutions": (1, 1, 2, 2, 2)}),
        "vgg11-bn": (132_874_344, {"convolutions": (1, 1, 2, 2, 2)} | _BN),
        "vgg13": (133_047_848, {"convolutions": (2, 2, 2, 2, 2)}),
        "vgg13-bn": (133_059_624, {"convolutions": (2, 2, 2, 2, 2)} | _BN),
        "vgg16-1x1": (
            133_638_952,
            {"convolutions": (2, 2, 3, 3, 3), "third_is_1x1": True},
        ),
        "vgg16-torch": (138_357_544, {"convolutions": (2, 2, 3, 3, 3)}),
        "vgg16-bn": (138_374_440, {"convolutions": (2, 2, 3, 3, 3)} | _BN),
        "vgg19-torch": (143_667_240, {"convolutions": (2, 2, 4, 4, 4)}),
        "vgg19-bn": (143_689_256, {"convolutions": (2, 2, 4, 4, 4)} | _BN),
    },
    _Family(
        "googlenet:GoogLeNet",
        "caffe",
        224,
        32,
        "https://arxiv.org/abs/1409.4842",
        _LRN,
        _auxiliary("auxiliary_classifier", "inception_4a", "inception_4d"),
    ): {"googlenet": (6_998_552, {})},
    _Family(
        "googlenet:GoogLeNet",
        "tf",
        224,
        32,
        "https://arxiv.org/abs/1409.4842",
        auxiliary=_auxiliary(
            "normalized_auxiliary_classifier", "inception_4a", "inception_4d"
        ),
    ): {"googlenet-bn": (6_639_464, _BN)},
    _Family("resnet:ResNet", "torch", 224, 32, "https://arxiv.org/abs/1512.03385"): {
        "resnet18": (11_699_112, {"units": (2, 2, 2, 2)}),
        "resnet34": (21_814_696, {"units": (3, 4, 6, 3)}),
    },
    _Family(
        "small_resnet:SmallResNet",
        "torch",
        32,
        8,
        "https://arxiv.org/abs/1512.03385",
        ("PaddedShortcut",),
    ): {"resnet20": (271_098, {"units": 3})},
    _Family("resnet:ResNet", "torch", 224, 32, "https://arxiv.org/abs/1709.01507"): {
        "se-resnet18": (11_788_192, {"units": (2, 2, 2, 2)} | _SE),
        "se-resnet34": (21_975_892, {"units": (3, 4, 6, 3)} | _SE),
        "se-resnet50": (
            28_141_144,
            {"units": (3, 4, 6, 3), "bottleneck": True} | _SE,
        ),
    },
    _Family(
        "small_resnet:SmallResNet",
        "torch",
        32,
        8,
        "https://arxiv.org/abs/1709.01507",
        ("PaddedShortcut",),
    ): {"se-resnet20": (273_471, {"units": 3} | _SE)},
    _Family(
        "googlenet:GoogLeNet",
        "torch",
        224,
        32,
        "https://arxiv.org/abs/1709.01507",
        auxiliary=_auxiliary(
            "normalized_auxiliary_classifier",
            "inception_4a_se_weighted",
            "inception_4d_se_weighted",
        ),
    ): {"se-inception": (7_119_567, _BN | _SE)},
    _Family(
        "depth_pooling:DepthPooling",
        "torch",
        32,
        32,
        "https://arxiv.org/abs/1302.4389",
        ("DepthwiseMaxPooling",),
    ): {"depth-pooling": (315_496, {})},
}


def classics() -> Iterator[Backbone]:
    """Yields the entries of the classic networks.

    Those that torchvision has, too, have its ImageNet weights.
    """
    for family, networks in _FAMILIES.items():
        for name, (parameters, arguments) in networks.items():
            published = PUBLISHED.get(name)
            yield Backbone(
                name=name,
                builder=f"{__package__}.{family.builder}",
                normalization=family.normalization,
                image_size=family.image_size,
                min_size=family.min_size,
                parameters=parameters,
                top1=published and published.top1,
                top5=published and published.top5,
                paper=family.paper,
                arguments=arguments,
                layers=tuple(f"{__package__}.layers:{name}" for name in family.layers),
                auxiliary=family.auxiliary,
                explained_layer=family.explained_layer,
                torch_names=published and published.layer_names,
            )
