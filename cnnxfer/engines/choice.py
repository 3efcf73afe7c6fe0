"""The fastest engine whose answers are those of Keras."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np

from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.engine import Engine, Network
from cnnxfer.engines.openvino_engine import has_bfloat16
from cnnxfer.engines.options import check_batch, check_choice
from cnnxfer.engines.trial import SAMPLES, Trial
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.gpus import find_gpus
from cnnxfer.hardware.probing import attempt
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    from cnnxfer.engines.keras_engine import KerasEngine

__all__ = ["SAMPLES", "choose_engine", "prepare_next_time"]

GPU_SECONDS = 5.0  # a driver that takes longer has a GPU to look after


def choose_engine(
    network: Network,
    *,
    engine: str,
    precision: str,
    batch: int | None = None,
    samples: Callable[[], np.ndarray],
    reference: Callable[[], np.ndarray] | None = None,
    reporter: Reporter,
) -> ElasticEngine:
    """Returns the fastest engine that answers as Keras does, and says which it is.

    OpenVINO in bfloat16, where the processor has that, comes first, then in float32,
    then Keras. OpenVINO has to pass a comparison with Keras on real pictures, once a
    network and processor: the verdict is kept in the cache, beside the converted
    network. Without one, "auto" takes `SAMPLES` pictures to make it; where there are
    fewer, Keras answers, and `prepare_next_time` may follow. On a GPU, "auto" means
    Keras, in float32.

    Args:
        network: what to run.
        engine: one of `ENGINES`.
        precision: "auto", "float32" or "bfloat16".
        batch: how many pictures it is to take at once, at most `LARGEST_BATCH`; None
            for as many as it does best with. It takes fewer where memory runs out.
        samples: reads real pictures, uint8 `(images, size, size, 3)`, `SAMPLES` of
            them, or fewer where there are no more; called when needed.
        reference: answers of Keras in float32 to them, where the caller has those.
        reporter: told of the choice.

    Raises:
        ConfigError: if the options are wrong or this processor lacks bfloat16.
        RunError: if OpenVINO or bfloat16 is asked for by name and does not pass.
    """
    check_choice(engine, precision)
    check_batch(batch)
    trial = Trial(network, samples, reporter, batch=batch, reference=reference)
    chosen: Engine | None = None
    if engine == "openvino" or (engine == "auto" and _on_cpu()):
        precisions = _precisions(precision)
        insisted = engine == "openvino" or precision == "bfloat16"
        chosen = trial.insist(precisions) if insisted else trial.fastest(precisions)
    chosen = chosen or trial.keras_engine
    reporter.info(f"engine: {chosen.name}, {chosen.precision}")
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
    """Makes the verdict for which `choose_engine` had too few pictures.

    To be called when all is answered. The next time, OpenVINO answers if it has passed.
    What was made of the pictures is compared in place of more; when there are
    `SAMPLES` of them, `choose_engine` compares once more. Where there is a verdict, or
    Keras was chosen for another reason, nothing is done.

    Args:
        network: what has run.
        chosen: what `choose_engine` returned for the same arguments.
        engine: one of `ENGINES`.
        precision: "auto", "float32" or "bfloat16".
        samples: returns the pictures, uint8 `(images, size, size, 3)`.
        reporter: told that the network is converted, and of what fails.
    """
    if engine != "auto" or chosen.name != "keras" or not _on_cpu():
        return
    trial = Trial(network, samples, reporter, occasion="for the next time")
    trial.keras_engine = cast("KerasEngine", chosen.engine)  # loaded already
    try:
        if len(trial.pictures) < SAMPLES:
            trial.prepare(_precisions(precision))
    except Exception as error:  # whatever it is, all has been answered
        reporter.info(f"OpenVINO is not ready for the next time: {error}")


def _on_cpu() -> bool:
    """Tells whether Keras computes on the CPU in this process."""
    # To be asked, it has to be imported, which takes seconds.
    if "keras" not in sys.modules and _no_gpu():
        return True
    import_tensorflow_quietly()
    from cnnxfer.engines.keras_engine import computes_on_cpu

    return computes_on_cpu()


def _no_gpu() -> bool:
    """Tells whether there is no NVIDIA GPU, as far as its driver can be asked."""
    return attempt(lambda: find_gpus(GPU_SECONDS)) == ()


def _precisions(precision: str) -> list[str]:
    """Returns what OpenVINO is to be tried in, fastest first."""
    if precision == "float32" or (precision == "auto" and not has_bfloat16()):
        return ["float32"]
    if not has_bfloat16():
        raise ConfigError(
            "this processor does not compute in bfloat16. Use --precision auto."
        )
    return ["bfloat16", "float32"] if precision == "auto" else ["bfloat16"]
