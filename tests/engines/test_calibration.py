"""A network in int8 follows from the pictures that it was calibrated on."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from unittest.mock import Mock

import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.engines import agreement, choice, options
from cnnxfer.engines.agreement import Bounds
from cnnxfer.engines.calibration import Calibration, pictures_key
from cnnxfer.engines.choice import choose_engine
from cnnxfer.engines.engine import Engine, Network
from cnnxfer.engines.options import check_choice
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.hardware.processor import Processor


@pytest.fixture
def choose(
    int8: None,
    network: Network,
    photos: np.ndarray,
    reporter: RecordingReporter,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Calibration], Engine]:
    # Also where Keras computes on a GPU: it has no int8.
    monkeypatch.setattr(choice, "_on_cpu", lambda: False)
    return lambda calibration: choose_engine(
        network,
        engine="auto",
        precision="int8",
        samples=lambda: photos,
        calibration=lambda: calibration,
        reporter=reporter,
    )


def calibration_on(photos: np.ndarray) -> Calibration:
    key = pictures_key([photos.tobytes().hex()], "whole")
    return Calibration(key, len(photos), Mock(return_value=photos))


def test_a_network_is_calibrated_and_compared_once_for_the_same_pictures(
    choose: Callable[[Calibration], Engine],
    reporter: RecordingReporter,
    photos: np.ndarray,
    expected: np.ndarray,
    build: Mock,
) -> None:
    first = calibration_on(photos)
    engine = choose(first)
    assert (engine.name, engine.precision) == ("openvino", "int8")
    assert "calibrating the network on 32 pictures for int8" in reporter.waits
    (answers,) = engine.run([photos])
    assert 1e-4 < np.abs(answers - expected).max() < 0.1, "float32 has smaller steps"
    again = calibration_on(photos)
    built = build.call_count
    assert choose(again).calibration == engine.calibration
    assert isinstance(again.pixels, Mock)
    again.pixels.assert_not_called()
    assert build.call_count == built
    other = choose(calibration_on(photos // 2))
    assert other.calibration not in ("", engine.calibration)
    assert np.abs(next(iter(other.run([photos]))) - answers).max() > 0


def test_a_network_in_int8_that_disagrees_is_an_error_with_its_figures(
    choose: Callable[[Calibration], Engine],
    monkeypatch: pytest.MonkeyPatch,
    photos: np.ndarray,
) -> None:
    nothing_passes = Bounds(difference=-1, agreement=1, distance=-1)
    monkeypatch.setitem(agreement.BOUNDS, "int8", nothing_passes)
    with pytest.raises(RunError, match=r"in int8, a probability.*at auto to go on"):
        choose(calibration_on(photos))


def test_too_few_pictures_to_calibrate_on_are_an_error(
    choose: Callable[[Calibration], Engine], photos: np.ndarray
) -> None:
    with pytest.raises(RunError, match="calibrated on 8 pictures or more, and here a"):
        choose(calibration_on(photos[:7]))


def test_a_machine_without_what_int8_needs_is_told_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Processor("a new one", features=("avx2", "avx512_vnni"))
    monkeypatch.setattr(options, "find_processor", lambda: found)
    if find_spec("nncf"):
        check_choice("auto", "int8")
    with pytest.raises(ConfigError, match=r"keras. answers in float32.*use .*openvino"):
        check_choice("keras", "int8")
    monkeypatch.setattr("cnnxfer.hardware.packages.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs nncf.*cnnxfer\[export\]"):
        check_choice("auto", "int8")
    old = Processor("an old one", features=("avx2",))
    monkeypatch.setattr(options, "find_processor", lambda: old)
    with pytest.raises(ConfigError, match=r"VNNI or AMX.*an old one\) has avx2\. Use"):
        check_choice("openvino", "int8")
