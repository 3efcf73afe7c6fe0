from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import keras
import numpy as np
import pytest

from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.prediction.engines import agreement, choice, trial
from cnnxfer.prediction.engines.agreement import Bounds
from cnnxfer.prediction.engines.choice import SAMPLES, choose_engine
from cnnxfer.prediction.engines.converted import find_converted
from cnnxfer.prediction.engines.engine import Engine, Network
from cnnxfer.prediction.engines.openvino_engine import OpenVinoEngine

on_cpu = choice._on_cpu  # which the fixture below replaces
NOTHING_PASSES = Bounds(difference=-1, agreement=1, distance=-1)
EVERYTHING_PASSES = Bounds(difference=1, agreement=0, distance=1)


@pytest.fixture(autouse=True)
def processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with bfloat16 and no GPU; in bfloat16, it computes in what there is."""
    monkeypatch.setattr(choice, "has_bfloat16", lambda: True)
    monkeypatch.setattr(choice, "_on_cpu", lambda: True)
    monkeypatch.setitem(agreement.BOUNDS, "bfloat16", EVERYTHING_PASSES)


@pytest.fixture
def samples(photos: np.ndarray) -> Mock:
    """Gives the pictures, and counts how often."""
    return Mock(return_value=photos)


@pytest.fixture
def choose(network: Network, samples: Mock, told: Any) -> Callable[..., Engine]:
    """Chooses with "auto" and these pictures, if nothing else is said."""

    def choose_with(**changes: object) -> Engine:
        defaults = {"engine": "auto", "precision": "auto", "samples": samples}
        return choose_engine(network, reporter=told, **{**defaults, **changes})

    return choose_with


def named(engine: Engine) -> tuple[str, str]:
    return engine.name, engine.precision


def test_the_fastest_that_passes_answers(
    choose: Callable[..., Engine],
    told: Any,
    photos: np.ndarray,
    expected: np.ndarray,
) -> None:
    engine = choose()
    assert named(engine) == ("openvino", "bfloat16")
    assert told.lines == [
        "converting the network for OpenVINO, once",
        "engine: openvino, bfloat16",
    ]
    engine = choose(precision="float32")
    assert named(engine) == ("openvino", "float32")
    (answers,) = engine.run([photos[:8]])
    np.testing.assert_allclose(answers, expected[:8], atol=1e-4)


def test_what_passed_is_not_checked_again(
    choose: Callable[..., Engine], build: Mock, samples: Mock
) -> None:
    choose()
    assert (build.call_count, samples.call_count) == (1, 1)
    assert named(choose()) == ("openvino", "bfloat16")
    assert (build.call_count, samples.call_count) == (1, 1)


def test_one_that_strays_is_refused_with_its_figures(
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    told: Any,
    build: Mock,
) -> None:
    monkeypatch.setitem(agreement.BOUNDS, "bfloat16", NOTHING_PASSES)
    assert named(choose()) == ("openvino", "float32")
    assert told.lines[1].startswith("OpenVINO in bfloat16 is not used")
    assert "of 32 pictures have the same best class" in told.lines[1]
    assert told.lines[2:] == ["engine: openvino, float32"]
    told.lines.clear()
    assert named(choose()) == ("openvino", "float32")
    assert told.lines == ["engine: openvino, float32"]  # it is said once
    assert build.call_count == 1


def test_keras_answers_where_nothing_else_may(
    choose: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    for precision in ("bfloat16", "float32"):
        monkeypatch.setitem(agreement.BOUNDS, precision, NOTHING_PASSES)
    assert named(choose()) == ("keras", "float32")


@pytest.mark.parametrize(
    "asked", [{"engine": "openvino"}, {"precision": "bfloat16"}], ids=str
)
def test_what_is_asked_for_by_name_and_strays_is_an_error(
    asked: dict[str, str],
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for precision in ("bfloat16", "float32"):
        monkeypatch.setitem(agreement.BOUNDS, precision, NOTHING_PASSES)
    for _ in ("compared", "kept"):
        with pytest.raises(RunError, match=r"in bfloat16, a probability.*at auto"):
            choose(**asked)


def test_few_pictures_are_answered_by_keras(
    choose: Callable[..., Engine], network: Network, photos: np.ndarray
) -> None:
    few = choose(samples=lambda: photos[: SAMPLES - 1])
    assert named(few) == ("keras", "float32")
    assert find_converted(network.key) is None
    choose(precision="float32")
    few = choose(samples=lambda: photos[:1])
    assert named(few) == ("openvino", "float32")  # which has passed before


def test_who_insists_compares_on_what_there_is(
    choose: Callable[..., Engine], build: Mock, photos: np.ndarray
) -> None:
    few = choose(engine="openvino", samples=lambda: photos[:3])
    assert named(few) == ("openvino", "bfloat16")
    choose()  # and so little is no verdict to keep
    assert build.call_count == 2
    with pytest.raises(RunError, match="too few pictures"):
        choose(engine="openvino", precision="float32", samples=lambda: photos[:0])


def test_answers_that_the_caller_has_are_not_computed(
    choose: Callable[..., Engine], expected: np.ndarray
) -> None:
    reference = Mock(return_value=expected + np.arange(5))
    assert named(choose(reference=reference, precision="float32")) == (
        "keras",
        "float32",
    )
    reference.assert_called_once()


def test_a_network_that_openvino_cannot_take_is_answered_by_keras(
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    told: Any,
) -> None:
    def fail(*_: object) -> None:
        raise TypeError("Summary:\n-- No conversion rule for XlaCallModule\nSee")

    monkeypatch.setattr(trial, "convert", fail)
    assert named(choose()) == ("keras", "float32")
    assert told.lines[1:] == [
        "OpenVINO is not used: it cannot take this network "
        "(No conversion rule for XlaCallModule)",
        "engine: keras, float32",
    ]
    with pytest.raises(RunError, match="cannot take this network"):
        choose(engine="openvino")


def test_without_a_cache_keras_answers(
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    told: Any,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "file/cache"))
    assert named(choose()) == ("keras", "float32")
    assert "Set CNNXFER_CACHE to a directory that can be written" in told.lines[0]
    with pytest.raises(RunError, match=r"cache directory .* cannot be created"):
        choose(engine="openvino")


@pytest.mark.parametrize("devices", [["cpu:0"], ["gpu:0"]], ids=str)
def test_keras_is_asked_for_accelerators_where_there_is_a_driver(
    devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: devices)
    assert on_cpu() is (devices == ["cpu:0"])  # Keras has been imported
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "keras")
        patch.setattr(choice, "find_gpus", lambda seconds: ())
        assert on_cpu()
        patch.setattr(choice, "find_gpus", lambda seconds: None)
        assert on_cpu() is (devices == ["cpu:0"])


def test_an_engine_that_fails_on_the_pictures_is_refused(
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    told: Any,
) -> None:
    def fail(self: OpenVinoEngine, batches: object) -> None:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(OpenVinoEngine, "run", fail)
        assert named(choose()) == ("keras", "float32")
        assert "it fails (no memory)" in told.lines[1]
    assert named(choose()) == ("openvino", "bfloat16")  # it was no verdict


def test_the_models_own_errors_are_told_as_they_are(network: Network) -> None:
    build = Mock(side_effect=DataError("model.keras is not whole"))
    with pytest.raises(DataError, match="not whole"):
        choose_engine(
            dataclasses.replace(network, build=build),
            engine="openvino",
            precision="auto",
            samples=lambda: np.zeros((2, 32, 32, 3), np.uint8),
            reporter=Mock(),
        )


def test_on_a_gpu_keras_answers(
    choose: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_on_cpu", lambda: False)
    assert named(choose()) == ("keras", "float32")
    assert named(choose(precision="bfloat16")) == ("keras", "float32")
    assert named(choose(engine="openvino"))[0] == "openvino"


def test_without_bfloat16_float32_is_the_fastest(
    choose: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "has_bfloat16", lambda: False)
    assert named(choose()) == ("openvino", "float32")
    with pytest.raises(ConfigError, match="does not compute in bfloat16"):
        choose(precision="bfloat16")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"engine": "opnvino"}, r"unknown --engine 'opnvino'\. Did you mean 'openvi"),
        ({"precision": "float16"}, r"unknown --precision 'float16'\. Did you mean"),
        ({"engine": "keras", "precision": "bfloat16"}, "keras answers in float32 only"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(
    asked: dict[str, str], message: str, choose: Callable[..., Engine], build: Mock
) -> None:
    with pytest.raises(ConfigError, match=message):
        choose(**asked)
    assert not build.called
