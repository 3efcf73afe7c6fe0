"""The ImageNet weights that torchvision publishes, and how it names the layers.

Names, hashes and accuracies are those of
https://docs.pytorch.org/vision/stable/models.html and `torchvision/models` in
https://github.com/pytorch/vision, version 0.29.

A network has an entry here if it is torchvision's, layer by layer, and sees pixels as
its weights expect them. So `vgg16` and `vgg19`, which are Keras's, have none, and
`vgg16-torch` and `vgg19-torch` have; torchvision's `alexnet` is our `alexnet-owt`, and
its `googlenet` our `googlenet-bn`.

Each function here says how torchvision calls the layers of a family: it takes the names
of a network's layers, in order, and returns torchvision's by ours. It names layers of
the ImageNet head, and of heads that only training has, whether the network has them or
not.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple


class Published(NamedTuple):
    """A file of weights, with the head, and its accuracies on ImageNet in [0, 1]."""

    file: str  # its name ends with the first eight digits of its SHA-256
    top1: float
    top5: float
    layer_names: str  # `"module:function"` as above

    @property
    def url(self) -> str:
        """Where the file can be downloaded."""
        return f"https://download.pytorch.org/models/{self.file}"

    @property
    def digest(self) -> str:
        """The first eight digits of the file's SHA-256."""
        return self.file.removesuffix(".pth").rpartition("-")[2]


def _published(family: str, file: str, top1: float, top5: float) -> Published:
    return Published(f"{file}.pth", top1, top5, f"{__name__}:{family}_names")


PUBLISHED = {
    "alexnet-owt": _published("alexnet", "alexnet-owt-7be5be79", 0.56522, 0.79066),
    "vgg11": _published("vgg", "vgg11-8a719046", 0.69020, 0.88628),
    "vgg11-bn": _published("vgg", "vgg11_bn-6002323d", 0.70370, 0.89810),
    "vgg13": _published("vgg", "vgg13-19584684", 0.69928, 0.89246),
    "vgg13-bn": _published("vgg", "vgg13_bn-abd245e5", 0.71586, 0.90374),
    "vgg16-torch": _published("vgg", "vgg16-397923af", 0.71592, 0.90382),
    "vgg16-bn": _published("vgg", "vgg16_bn-6c64b313", 0.73360, 0.91516),
    "vgg19-torch": _published("vgg", "vgg19-dcbb9e9d", 0.72376, 0.90876),
    "vgg19-bn": _published("vgg", "vgg19_bn-c79401a0", 0.74218, 0.91842),
    "googlenet-bn": _published("googlenet", "googlenet-1378be20", 0.69778, 0.89530),
    "resnet18": _published("resnet", "resnet18-f37072fd", 0.69758, 0.89078),
    "resnet34": _published("resnet", "resnet34-b627a593", 0.73314, 0.91420),
}


def alexnet_names(_layers: Sequence[str]) -> dict[str, str]:
    """Returns the names of AlexNet's layers, such as features.0."""
    convolutions = {"c1": 0, "c3": 3, "c5": 6, "c6": 8, "c7": 10}
    head = {"f9": 1, "f10": 4, "output": 6}
    return {name: f"features.{i}" for name, i in convolutions.items()} | {
        name: f"classifier.{i}" for name, i in head.items()
    }


def vgg_names(layers: Sequence[str]) -> dict[str, str]:
    """Returns the names of VGG's layers, such as features.0."""
    # All layers after the input are counted, also those without weights.
    features = {name: f"features.{i}" for i, name in enumerate(layers[1:])}
    head = {"fc1": 0, "fc2": 3, "predictions": 6}
    return features | {name: f"classifier.{i}" for name, i in head.items()}


def googlenet_names(layers: Sequence[str]) -> dict[str, str]:
    """Returns the names of GoogLeNet's layers, such as inception3a.branch2.0.conv."""
    modules = {
        "conv1": "conv1",
        "conv2_reduce": "conv2",
        "conv2": "conv3",
        "1x1": "branch1",
        "3x3_reduce": "branch2.0",
        "3x3": "branch2.1",
        "5x5_reduce": "branch3.0",
        "5x5": "branch3.1",
        "pooled": "branch4.1",
    }
    names = {"predictions": "fc", "aux1": "aux1", "aux2": "aux2"}
    pattern = re.compile(rf"(?:inception_(\d\w)_)?({'|'.join(modules)})(_bn)?")
    for layer in layers:
        if match := pattern.fullmatch(layer):
            module, part, bn = match.groups()
            place = f"inception{module}." if module else ""
            names[layer] = f"{place}{modules[part]}.{'bn' if bn else 'conv'}"
    return names


def resnet_names(layers: Sequence[str]) -> dict[str, str]:
    """Returns the names of ResNet's layers, such as layer2.0.conv1."""
    names = {"predictions": "fc"}
    pattern = re.compile(r"(?:stage(\d)_unit(\d)_)?(?:conv(\d)|(projection))(_bn)?")
    for layer in layers:
        if match := pattern.fullmatch(layer):
            stage, unit, number, projection, bn = match.groups()
            place = f"layer{stage}.{int(unit) - 1}." if stage else ""
            if projection:
                names[layer] = f"{place}downsample.{1 if bn else 0}"
            else:
                names[layer] = f"{place}{'bn' if bn else 'conv'}{number}"
    return names
