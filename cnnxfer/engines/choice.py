"""Choice of the fastest engine whose answers match those of Keras."""

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from cnnxfer.engines.calibration import Calibration
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.engine import Engine, Network
from cnnxfer.engines.openvino_engine import has_bfloat16
from cnnxfer.engines.options import check_choice, check_own_choice
from cnnxfer.engines.trial import SAMPLES, Trial
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.gpus import find_gpus
from cnnxfer.hardware.probing import attempt
from cnnxfer.keras_backend import import_keras_quietly
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option

if TYPE_CHECKING:
    from cnnxfer.engines.keras_engine import KerasEngine

__all__ = ["SAMPLES", "check_available", "choose_engine", "prepare_next_time"]

# A driver that takes longer than this to answer is taken to have a GPU.
GPU_TIMEOUT_SECONDS = 5.0


def check_available(engine: str, precision: str) -> None:
    """Checks what `choose_engine` is asked for, before there is a network.

    Raises:
        ConfigError: if this machine lacks the precision, or the engine does.
    """
    check_choice(engine, precision)
    if precision == "bfloat16" and (engine == "openvino" or _on_cpu()):
        _precisions(precision)


def choose_engine(
    network: Network,
    *,
    engine: str,
    precision: str,
    batch: int | None = None,
    samples: Callable[[], np.ndarray],
    reference: Callable[[], np.ndarray] | None = None,
    few: bool = False,
    calibration: Callable[[], Calibration] | None = None,
    reporter: Reporter,
) -> ElasticEngine:
    """Returns the fastest engine that answers as Keras does, and reports the choice.

    OpenVINO in bfloat16 comes first, if the processor supports it, then OpenVINO in
    float32, then Keras. OpenVINO must pass a comparison with Keras, once per network
    and processor: the verdict is cached beside the converted network. It is reached on
    real images: "auto" needs `SAMPLES` of them; with fewer, Keras answers, and
    `prepare_next_time` may be called afterwards. Where Keras's answers are known in
    advance (see `known_answers`), float32 needs no images, and bfloat16 is compared
    with it. On a GPU, "auto" means Keras, in float32, but for int8, which only OpenVINO
    has. An exported network has the engine of its format.

    Args:
        network: the network to run.
        engine: "auto", "openvino" or "keras".
        precision: "auto", "float32", "bfloat16" or "int8".
        batch: the number of images per batch; None takes the fastest
            one. Batches become smaller where memory runs out.
        samples: returns real images, uint8 `(images, size, size, 3)`: `SAMPLES` of
            them, or fewer where there are no more. It is called only when needed.
        reference: returns the answers of Keras in float32 to `samples`; None if the
            caller has not computed them.
        few: whether "auto" reaches a verdict on float32 with fewer images, too, for
            those who cannot wait for more.
        calibration: returns the pictures that the network is calibrated on for "int8",
            which needs them.
        reporter: receives a line that names the chosen engine and precision.

    Raises:
        ConfigError: if an option is wrong or this machine lacks the precision.
        RunError: if OpenVINO, bfloat16 or int8 is asked for by name and does not pass.
    """
    check_choice(engine, precision)
    if network.own_engine:
        check_own_choice(engine, precision)
        return ElasticEngine(network.own_engine.open(batch), reporter)
    trial = Trial(network, samples, reporter, batch, reference, calibration)
    chosen: Engine | None = None
    if engine == "openvino" or (
        engine == "auto" and (precision == "int8" or _on_cpu())
    ):
        precisions = _precisions(precision)
        required = engine == "openvino" or precision in ("bfloat16", "int8")
        with reporter.wait(f"preparing {network.title}", "networks"):
            if required:
                chosen = trial.require(precisions)
            else:
                chosen = trial.find_fastest(precisions, few=few)
    chosen = chosen or trial.keras_engine
    reporter.detail(f"engine: {chosen.name}, {chosen.precision}")
    return ElasticEngine(chosen, reporter)


def prepare_next_time(
    network: Network,
    chosen: ElasticEngine,
    *,
    engine: str,
    precision: str,
    samples: Callable[[], np.ndarray],
    reporter: Reporter,
) -> None:
    """Reaches the verdict for which `choose_engine` had too few images.

    Call it with the same arguments after the last answer of the `chosen` engine. The
    next time, OpenVINO answers if it has passed. The images are compared together with
    variants that are made of them; as soon as `SAMPLES` real images are there,
    `choose_engine` compares once more. Nothing is done where a verdict exists or Keras
    was chosen for another reason.
    """
    if engine != "auto" or chosen.name != "keras" or not _on_cpu():
        return
    trial = Trial(network, samples, reporter, occasion=", for the next time")
    trial.keras_engine = cast("KerasEngine", chosen.engine)  # it is loaded already
    try:
        if len(trial.images) < SAMPLES:
            trial.prepare(_precisions(precision))
    except Exception as error:  # never fatal: all images have been answered
        reporter.info(f"OpenVINO is not ready for the next time: {error}")


def _on_cpu() -> bool:
    """Tells whether Keras computes on the CPU in this process."""
    # Asking Keras means importing it, which takes seconds.
    find = partial(find_gpus, GPU_TIMEOUT_SECONDS)
    if "keras" not in sys.modules and attempt(find) == ():
        return True
    import_keras_quietly()
    from cnnxfer.engines.keras_engine import computes_on_cpu

    return computes_on_cpu()


def _precisions(precision: str) -> list[str]:
    """Returns the precisions in which to try OpenVINO, fastest first."""
    if precision == "int8":
        return ["int8"]
    if precision == "float32" or (precision == "auto" and not has_bfloat16()):
        return ["float32"]
    if not has_bfloat16():
        raise ConfigError(
            "this processor does not compute in bfloat16. "
            f"Use {option('--precision', 'auto')}."
        )
    return ["bfloat16", "float32"] if precision == "auto" else ["bfloat16"]
