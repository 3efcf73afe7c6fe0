"""Networks with torchvision's weights answer as torchvision's own do.

PyTorch and torchvision are no dependencies of the tests: those that need them run
where they are installed, with `pip install torch torchvision`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pytest

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.torch_checkpoint import read_checkpoint
from cnnxfer.backbones.torchvision import PUBLISHED
from cnnxfer.networks.classifier import build_imagenet_classifier
from cnnxfer.registry import load_object

SCRIPT = Path(__file__).with_name("torchvision_network.py")
OTHER_NAMES = {"alexnet-owt": "alexnet", "googlenet-bn": "googlenet"}
OTHER_NAMES |= {"vgg16-torch": "vgg16", "vgg19-torch": "vgg19"}


@pytest.fixture(params=PUBLISHED)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return BACKBONES.get(request.param)


@pytest.fixture
def torchvisions(backbone: Backbone) -> Iterator[Path]:
    """What `torchvision_network.py` writes of a backbone: up to 1.4 GB."""
    if find_spec("torch") is None or find_spec("torchvision") is None:
        pytest.skip("needs torch and torchvision")
    name = OTHER_NAMES.get(backbone.name, backbone.name.replace("-", "_"))
    with TemporaryDirectory() as directory:
        subprocess.run([sys.executable, SCRIPT, name, directory], check=True)
        yield Path(directory)


@pytest.mark.parametrize(
    ("name", "torchvisions_names"),
    [
        ("alexnet-owt", {"c7": "features.10", "output": "classifier.6"}),
        ("vgg11", {"stage2_conv1": "features.3", "stage5_conv2": "features.18"}),
        ("vgg11-bn", {"stage2_conv1": "features.4", "stage2_conv1_bn": "features.5"}),
        (
            "googlenet-bn",
            {
                "conv2_reduce": "conv2.conv",
                "conv2_bn": "conv3.bn",
                "inception_4e_5x5_reduce_bn": "inception4e.branch3.0.bn",
                "inception_5b_pooled": "inception5b.branch4.1.conv",
            },
        ),
        (
            "resnet18",
            {
                "conv1_bn": "bn1",
                "stage3_unit1_projection_bn": "layer3.0.downsample.1",
                "stage4_unit2_conv1": "layer4.1.conv1",
            },
        ),
    ],
)
def test_every_layer_has_a_name_of_its_own_in_torchvision(
    name: str, torchvisions_names: dict[str, str]
) -> None:
    backbone = BACKBONES.get(name)
    with keras.StatelessScope(initialize_variables=False):
        network = load_object(backbone.builder)(**backbone.arguments)
    names = load_object(str(backbone.torch_names))(
        [each.name for each in network.layers]
    )
    assert names.items() >= torchvisions_names.items()
    weighted = [names[layer.name] for layer in network.layers if layer.weights]
    assert len(weighted) == len(set(weighted))


@pytest.mark.slow
def test_answers_are_those_of_torchvision(
    backbone: Backbone, torchvisions: Path
) -> None:
    answers = np.load(torchvisions / "answers.npz")
    model = build_imagenet_classifier(backbone, torchvisions / "new.pth")
    found = np.asarray(model(answers["pixels"]))
    expected = answers["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(np.log(found), np.log(expected), atol=1e-4)
    assert expected.max() < 0.9
    assert np.abs(expected[0] - expected[1]).max() > 1e-3

    network = model.layers[-1]
    names = load_object(str(backbone.torch_names))(
        [layer.name for layer in network.layers]
    )
    compared = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D | keras.layers.BatchNormalization)
    ]
    outputs = keras.Model(network.input, [layer.output for layer in compared])
    seen = NORMALIZATIONS[backbone.normalization](answers["pixels"])
    for layer, output in zip(compared, outputs(seen), strict=True):
        theirs = answers[names[layer.name]]
        if getattr(layer, "activation", None) is keras.activations.relu:
            theirs = np.maximum(theirs, 0)
        bound = 1e-4 * max(1, np.abs(theirs).max())
        np.testing.assert_allclose(output, theirs, atol=bound, err_msg=layer.name)

    old, new = (read_checkpoint(torchvisions / f"{age}.pth") for age in ("old", "new"))
    assert old.keys() == new.keys()
    assert all(np.array_equal(old[name], new[name]) for name in old)

    published = json.loads((torchvisions / "published.json").read_text())
    ours = PUBLISHED[backbone.name]
    assert published["url"] == ours.url
    assert published["acc@1"] == pytest.approx(100 * ours.top1)
    assert published["acc@5"] == pytest.approx(100 * ours.top5)
