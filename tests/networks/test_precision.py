import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.processor import Processor
from cnnxfer.networks.classifier import all_layers, backbone_of, build_classifier
from cnnxfer.networks.precision import (
    describe_precision,
    precision_policy,
    resolve_precision,
)
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run

# One entry for each way of normalizing.
WAYS = [
    ("efficientnet-lite0", "bfloat16"),
    ("mobilenet-0.25", "bfloat16"),
    ("mobilenetv3small", "bfloat16"),
    ("efficientnetb0", "bfloat16"),
    ("efficientnetv2b0", "bfloat16"),
    ("efficientnetv2b0", "float16"),
    ("vgg16", "float16"),
]
PIXELS = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)


def normalized(model: keras.Model) -> np.ndarray:
    """Returns the inputs of the first convolution for `PIXELS`."""
    layers = [
        layer
        for layer in all_layers(model)
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization)
    ]
    network = next(
        part
        for part in (backbone_of(model), model)
        if any(layer in part.layers for layer in layers)
    )
    part = keras.Model(network.input, layers[-1].output)
    return np.asarray(part(PIXELS))


@pytest.mark.parametrize(("name", "precision"), WAYS)
def test_normalization_and_head_stay_in_float32(name: str, precision: str) -> None:
    def build(precision: str) -> keras.Model:
        return build_classifier(
            BACKBONES.get(name),
            image_size=32,
            num_classes=3,
            dropout=0.2,
            precision=precision,
        )

    model = build(precision)
    found = normalized(model)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, normalized(build("float32")))
    assert backbone_of(model)(PIXELS).dtype == precision
    for layer in ("pool", "dropout", "logits"):
        assert model.get_layer(layer).compute_dtype == "float32"
    assert model(PIXELS).dtype == "float32"
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}


def test_the_previous_policy_is_restored() -> None:
    before = keras.config.dtype_policy()
    with precision_policy("bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy() is before


def test_training_saves_a_model_in_float32(
    train: Callable[..., Run], parent: Run, tmp_path: Path, shallow_weights_path: Path
) -> None:
    run = train(tmp_path, precision="bfloat16", epochs=1)
    with zipfile.ZipFile(run.model_path) as archive:
        assert b"float16" not in b"".join(
            json.dumps(policy).encode()
            for policy in policies(json.loads(archive.read("config.json")))
        )
    model = load_model(run.model_path)
    fresh = build_backbone(
        BACKBONES.get(run.config.backbone),
        image_size=64,
        weights_path=shallow_weights_path,
    )
    for mine, its in zip(backbone_of(model).weights, fresh.weights, strict=True):
        np.testing.assert_array_equal(mine, its)
    # Much the same training as in float32.
    loss, expected = (float(each.history[0]["loss"]) for each in (run, parent))
    assert loss == pytest.approx(expected, rel=0.05)


def policies(config: object) -> list[object]:
    if isinstance(config, dict):
        found = [value for key, value in config.items() if key == "dtype"]
        return found + [x for value in config.values() for x in policies(value)]
    if isinstance(config, list):
        return [x for value in config for x in policies(value)]
    return []


@pytest.mark.parametrize(
    ("features", "precision"),
    [
        (("avx2", "avx512f", "avx512_bf16"), "bfloat16"),
        (("avx2", "avx512f", "amx_bf16", "amx_int8"), "bfloat16"),
        (("avx2", "avx512f"), "float32"),
        ((), "float32"),
        (None, "float32"),
    ],
)
def test_auto_precision_depends_on_the_processor(
    features: tuple[str, ...] | None, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    processor = Processor(features=features)
    assert resolve_precision("auto", None, processor) == precision
    assert resolve_precision("float32", None, processor) == "float32"
    assert resolve_precision("bfloat16", None, processor) == "bfloat16"
    # A GPU, if there is one, is what counts.
    assert resolve_precision("auto", (7, 5), processor) == "float16"
    assert resolve_precision("auto", (6, 1), processor) == "float32"
    monkeypatch.setattr("cnnxfer.networks.precision.find_processor", lambda: processor)
    assert resolve_precision("auto", None) == precision
    # JAX emulates bfloat16 on a CPU.
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert resolve_precision("auto", None) == "float32"


def test_the_precision_is_described_in_one_line() -> None:
    assert describe_precision("auto", "bfloat16") == (
        "computes in bfloat16, which is fastest here, with weights, normalization of "
        "pixels and answers in float32 (precision='float32' is for exact figures)"
    )
    assert describe_precision("bfloat16", "bfloat16").startswith(
        "computes in bfloat16, as asked, with weights"
    )
    assert "nothing is known to be faster" in describe_precision("auto", "float32")
    assert describe_precision("float32", "float32") == (
        "computes in float32, as asked, throughout"
    )


@pytest.mark.parametrize(
    ("capability", "precision"),
    [
        ((6, 1), "float32"),
        ((7, 5), "float16"),
        ((8, 0), "bfloat16"),
        ((9, 0), "bfloat16"),
    ],
)
def test_auto_precision_depends_on_the_gpu(
    capability: tuple[int, int] | None, precision: str
) -> None:
    assert resolve_precision("auto", capability) == precision
    assert resolve_precision("bfloat16", capability) == "bfloat16"


def test_float16_needs_a_gpu(
    train: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve_precision("float16", (7, 5)) == "float16"
    with pytest.raises(ConfigError, match="Use bfloat16 or float32"):
        train(tmp_path, precision="float16")
    assert not list(tmp_path.iterdir()), "a run was left that cannot go on"
    # Of other backends, nobody here knows where they compute.
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert resolve_precision("float16", None) == "float16"
