from __future__ import annotations

import dataclasses
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import keras
import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.engines import agreement, choice, trial, verdicts
from cnnxfer.engines.agreement import Bounds
from cnnxfer.engines.choice import (
    SAMPLES,
    choose_engine,
    prepare_next_time,
)
from cnnxfer.engines.converted import find_converted
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.engine import Engine, Network
from cnnxfer.engines.openvino_engine import OpenVinoEngine
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.reporting import Reporter

OpConversionFailure = openvino.frontend.OpConversionFailure
on_cpu = choice._on_cpu  # which the fixture below replaces
ON_VARIANTS = "bfloat16 on variants"
NOTHING_PASSES = Bounds(difference=-1, agreement=1, distance=-1)
EVERYTHING_PASSES = Bounds(difference=1, agreement=0, distance=1)


@pytest.fixture(autouse=True)
def processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that the processor has bfloat16 and that there is no GPU."""
    monkeypatch.setattr(choice, "has_bfloat16", lambda: True)
    monkeypatch.setattr(choice, "_on_cpu", lambda: True)
    monkeypatch.setitem(agreement.BOUNDS, "bfloat16", EVERYTHING_PASSES)
    monkeypatch.setitem(agreement.BOUNDS, ON_VARIANTS, EVERYTHING_PASSES)
    monkeypatch.setattr(
        trial, "fastest_batch_size", lambda *_: (4, True)
    )  # which takes time


@pytest.fixture
def samples(photos: np.ndarray) -> Mock:
    """Returns the images, and counts how often."""
    return Mock(return_value=photos)


@pytest.fixture
def choose(
    network: Network, samples: Mock, reporter: RecordingReporter
) -> Callable[..., Engine]:
    """Chooses an engine, by default with "auto" and these images."""

    def choose_with(**changes: object) -> Engine:
        defaults = {"engine": "auto", "precision": "auto", "samples": samples}
        return choose_engine(network, reporter=reporter, **{**defaults, **changes})

    return choose_with


def named(engine: Engine) -> tuple[str, str]:
    return engine.name, engine.precision


def test_the_fastest_engine_that_agrees_with_keras_is_chosen(
    choose: Callable[..., Engine],
    reporter: RecordingReporter,
    photos: np.ndarray,
    expected: np.ndarray,
) -> None:
    engine = choose()
    assert named(engine) == ("openvino", "bfloat16")
    assert reporter.infos == ["engine: openvino, bfloat16"]
    assert set(reporter.waits) == {
        "preparing the network",
        "starting TensorFlow",
        "converting the network for OpenVINO",
        "comparing OpenVINO with Keras",
    }
    engine = choose(precision="float32")
    assert named(engine) == ("openvino", "float32")
    (answers,) = engine.run([photos[:8]])
    np.testing.assert_allclose(answers, expected[:8], atol=1e-4)


def test_an_accepted_engine_is_not_compared_again(
    choose: Callable[..., Engine], build: Mock, samples: Mock
) -> None:
    choose()
    assert (build.call_count, samples.call_count) == (1, 1)
    assert named(choose()) == ("openvino", "bfloat16")
    assert (build.call_count, samples.call_count) == (1, 1)


def test_an_engine_that_disagrees_is_refused_with_its_figures(
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    reporter: RecordingReporter,
    build: Mock,
) -> None:
    monkeypatch.setitem(agreement.BOUNDS, "bfloat16", NOTHING_PASSES)
    assert named(choose()) == ("openvino", "float32")
    assert reporter.infos[0].startswith("OpenVINO in bfloat16 is not used")
    assert "of 32 pictures have the same best class" in reporter.infos[0]
    assert reporter.infos[1:] == ["engine: openvino, float32"]
    reporter.infos.clear()
    assert named(choose()) == ("openvino", "float32")
    assert reporter.infos == ["engine: openvino, float32"]  # it is said once
    assert build.call_count == 1


def test_keras_is_chosen_if_no_other_engine_agrees(
    choose: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    for precision in ("bfloat16", "float32"):
        monkeypatch.setitem(agreement.BOUNDS, precision, NOTHING_PASSES)
    assert named(choose()) == ("keras", "float32")


@pytest.mark.parametrize(
    "asked", [{"engine": "openvino"}, {"precision": "bfloat16"}], ids=str
)
def test_a_requested_engine_that_disagrees_is_an_error(
    asked: dict[str, str],
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for precision in ("bfloat16", "float32"):
        monkeypatch.setitem(agreement.BOUNDS, precision, NOTHING_PASSES)
    for _ in ("compared", "kept"):
        with pytest.raises(RunError, match=r"in bfloat16, a probability.*at auto"):
            choose(**asked)


def test_keras_is_chosen_for_few_images(
    choose: Callable[..., Engine], network: Network, photos: np.ndarray
) -> None:
    few = choose(samples=lambda: photos[: SAMPLES - 1])
    assert named(few) == ("keras", "float32")
    assert find_converted(network.key, Reporter()) is None
    choose(precision="float32")
    few = choose(samples=lambda: photos[:1])
    assert named(few) == ("openvino", "float32")  # which has passed before


def test_a_requested_engine_is_compared_on_few_images(
    choose: Callable[..., Engine], build: Mock, samples: Mock, photos: np.ndarray
) -> None:
    few = choose(engine="openvino", samples=lambda: photos[:3])
    assert named(few) == ("openvino", "bfloat16")
    assert named(choose(samples=lambda: photos[:3])) == ("openvino", "bfloat16")
    assert build.call_count == 1
    choose()  # it is compared on enough pictures when there are, once
    choose()
    assert build.call_count == 2
    with pytest.raises(RunError, match="too few images"):
        choose(engine="openvino", precision="float32", samples=lambda: photos[:0])


@pytest.fixture
def prepare(
    network: Network, photos: np.ndarray, reporter: RecordingReporter
) -> Callable[[ElasticEngine], None]:
    """Prepares the next time, by default after "auto" had two images."""

    def prepare_with(chosen: ElasticEngine, **changes: object) -> None:
        defaults = {
            "engine": "auto",
            "precision": "auto",
            "samples": lambda: photos[:2],
        }
        prepare_next_time(network, chosen, reporter=reporter, **{**defaults, **changes})

    return prepare_with


def test_after_few_images_an_engine_is_prepared_for_the_next_time(
    choose: Callable[..., ElasticEngine],
    prepare: Callable[..., None],
    build: Mock,
    photos: np.ndarray,
    reporter: RecordingReporter,
) -> None:
    first = choose(samples=lambda: photos[:2])
    assert named(first) == ("keras", "float32")
    prepare(first)
    second = choose(samples=lambda: photos[:1])
    assert named(second) == ("openvino", "bfloat16")
    prepare(second)
    assert reporter.infos == [
        "engine: keras, float32",
        "engine: openvino, bfloat16",
    ]
    assert "converting the network for OpenVINO, for the next time" in reporter.waits
    assert build.call_count == 1


def test_an_engine_accepted_on_few_images_is_compared_on_many_once(
    choose: Callable[..., ElasticEngine],
    prepare: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    photos: np.ndarray,
) -> None:
    prepare(choose(samples=lambda: photos[:2]))
    monkeypatch.setitem(agreement.BOUNDS, "bfloat16", NOTHING_PASSES)
    assert named(choose()) == ("openvino", "float32")
    monkeypatch.setattr(trial, "compare", Mock(side_effect=AssertionError))
    assert named(choose(samples=lambda: photos[:2])) == ("openvino", "float32")
    assert named(choose()) == ("openvino", "float32")


def test_comparisons_on_variants_have_their_own_bounds(
    choose: Callable[..., ElasticEngine],
    prepare: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    photos: np.ndarray,
) -> None:
    monkeypatch.setitem(agreement.BOUNDS, ON_VARIANTS, NOTHING_PASSES)
    prepare(choose(samples=lambda: photos[:2]))
    assert named(choose(samples=lambda: photos[:2])) == ("openvino", "float32")
    assert named(choose()) == ("openvino", "bfloat16")


def test_a_refused_engine_is_not_prepared_again(
    choose: Callable[..., ElasticEngine],
    prepare: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    photos: np.ndarray,
    reporter: RecordingReporter,
) -> None:
    for bounds in (ON_VARIANTS, "float32"):
        monkeypatch.setitem(agreement.BOUNDS, bounds, NOTHING_PASSES)
    prepare(choose(samples=lambda: photos[:2]))
    reporter.infos.clear()
    monkeypatch.setattr(trial, "compare", Mock(side_effect=AssertionError))
    again = choose(samples=lambda: photos[:2])
    prepare(again)
    assert named(again) == ("keras", "float32")
    assert reporter.infos == ["engine: keras, float32"]


def test_nothing_is_prepared_if_keras_was_requested(
    choose: Callable[..., ElasticEngine],
    prepare: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    network: Network,
    samples: Mock,
    photos: np.ndarray,
) -> None:
    few = choose(engine="keras", samples=lambda: photos[:2])
    prepare(few, engine="keras")
    prepare(few, samples=samples)  # they are enough: it has been compared, and fails
    monkeypatch.setattr(choice, "_on_cpu", lambda: False)
    prepare(few)
    assert find_converted(network.key, Reporter()) is None


@pytest.mark.parametrize("broken", ["convert", "variants"])
def test_a_failed_preparation_is_reported(
    broken: str,
    choose: Callable[..., ElasticEngine],
    prepare: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    photos: np.ndarray,
    reporter: RecordingReporter,
) -> None:
    few = choose(samples=lambda: photos[:2])
    failure = Mock(side_effect=OSError("No space left on device"))
    with monkeypatch.context() as patch:
        patch.setattr(trial, broken, failure)
        prepare(few)
        assert "No space left on device" in reporter.infos[-1]
    prepare(few)  # it may go well another time
    assert named(choose(samples=lambda: photos[:2])) == ("openvino", "bfloat16")


def test_preparation_can_be_interrupted(
    choose: Callable[..., ElasticEngine],
    prepare: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    photos: np.ndarray,
) -> None:
    few = choose(samples=lambda: photos[:2])
    with monkeypatch.context() as patch:
        patch.setattr(trial, "compare", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(few)
    prepare(few)
    assert named(choose(samples=lambda: photos[:2])) == ("openvino", "bfloat16")


def test_the_fastest_batch_size_is_found_once_and_kept(
    choose: Callable[..., ElasticEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    fastest = Mock(return_value=(16, True))
    monkeypatch.setattr(trial, "fastest_batch_size", fastest)
    assert choose().batch_size == 16
    assert choose().batch_size == 16
    fastest.assert_called_once()


def test_a_batch_size_that_memory_limited_is_not_kept(
    choose: Callable[..., ElasticEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    fastest = Mock(side_effect=[(2, False), (16, True)])
    monkeypatch.setattr(trial, "fastest_batch_size", fastest)
    assert [choose().batch_size for _ in range(3)] == [2, 16, 16]


@pytest.mark.parametrize("engine", ["keras", "openvino"])
def test_a_requested_batch_size_is_used(
    engine: str, choose: Callable[..., ElasticEngine]
) -> None:
    assert choose(engine=engine, batch=3).batch_size == 3
    assert choose(engine=engine).batch_size == {"keras": 32, "openvino": 4}[engine]


def test_reference_outputs_of_the_caller_are_used(
    choose: Callable[..., Engine], expected: np.ndarray
) -> None:
    reference = Mock(return_value=expected + np.arange(5))
    assert named(choose(reference=reference, precision="float32")) == (
        "keras",
        "float32",
    )
    reference.assert_called_once()


def test_keras_is_chosen_if_openvino_cannot_convert_the_network(
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    reporter: RecordingReporter,
) -> None:
    refusal = OpConversionFailure(
        "Summary:\n-- No conversion rule for XlaCallModule\nSee"
    )
    fail = Mock(side_effect=refusal)
    monkeypatch.setattr(trial, "convert", fail)
    assert named(choose()) == ("keras", "float32")
    assert reporter.infos == [
        "OpenVINO is not used: it does not support this network "
        "(No conversion rule for XlaCallModule)",
        "engine: keras, float32",
    ]
    with pytest.raises(RunError, match="does not support this network"):
        choose(engine="openvino")
    fail.assert_called_once()  # and it is known from then on
    monkeypatch.undo()
    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "backend_name", lambda: "another")
        assert choose(precision="float32").name == "openvino"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("basic_ios::clear: iostream error"),  # a full disk
        OSError(errno.EACCES, "Permission denied"),
        MemoryError(),
        OpConversionFailure("-- Conversion is failed for: Conv: std::bad_alloc"),
        TimeoutError("too late"),
        ImportError("no module"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_conversion_that_the_machine_prevented_is_tried_again(
    error: Exception,
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    reporter: RecordingReporter,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(trial, "convert", Mock(side_effect=error))
        assert named(choose()) == ("keras", "float32")
        assert (
            "OpenVINO is not used: converting the network failed" in reporter.infos[0]
        )
        with pytest.raises(RunError, match=r"as it does where the disk or memory is f"):
            choose(engine="openvino")
    assert choose().name == "openvino"


def test_keras_is_chosen_if_the_cache_cannot_be_written(
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    reporter: RecordingReporter,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "file/cache"))
    assert named(choose()) == ("keras", "float32")
    assert "Set CNNXFER_CACHE to a directory that can be written" in reporter.infos[0]
    with pytest.raises(RunError, match=r"cache directory .* cannot be created"):
        choose(engine="openvino")


def test_keras_is_chosen_if_the_cache_is_another_users(
    choose: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    reporter: RecordingReporter,
) -> None:
    theirs = ConfigError("engines/ belongs to mallory. Set CNNXFER_CACHE.")
    monkeypatch.setattr(trial, "convert", Mock(side_effect=theirs))
    assert named(choose()) == ("keras", "float32")
    assert f"OpenVINO is not used: {str(theirs)[:-1]}" in reporter.infos


@pytest.mark.parametrize("devices", [["cpu:0"], ["gpu:0"]], ids=str)
def test_keras_is_imported_to_find_gpus_only_if_there_is_a_driver(
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
    reporter: RecordingReporter,
) -> None:
    def fail(self: OpenVinoEngine, batches: object) -> None:
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(OpenVinoEngine, "run", fail)
        assert named(choose()) == ("keras", "float32")
        assert "it fails (no memory)" in reporter.infos[0]
    assert named(choose()) == ("openvino", "bfloat16")  # it was no verdict


def test_errors_of_loading_the_model_are_raised_unchanged(network: Network) -> None:
    build = Mock(side_effect=DataError("model.keras is not whole"))
    with pytest.raises(DataError, match="not whole"):
        choose_engine(
            dataclasses.replace(network, build=build),
            engine="openvino",
            precision="auto",
            samples=lambda: np.zeros((2, 32, 32, 3), np.uint8),
            reporter=RecordingReporter(),
        )


def test_keras_is_chosen_on_a_gpu(
    choose: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_on_cpu", lambda: False)
    assert named(choose()) == ("keras", "float32")
    assert named(choose(precision="bfloat16")) == ("keras", "float32")
    assert named(choose(engine="openvino"))[0] == "openvino"


def test_without_bfloat16_support_float32_is_chosen(
    choose: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "has_bfloat16", lambda: False)
    assert named(choose()) == ("openvino", "float32")
    with pytest.raises(ConfigError, match="does not compute in bfloat16"):
        choose(precision="bfloat16")


def test_keras_is_not_asked_for_bfloat16(
    choose: Callable[..., Engine], build: Mock
) -> None:
    with pytest.raises(ConfigError, match="engine='keras' answers in float32 only"):
        choose(engine="keras", precision="bfloat16")
    assert not build.called
