"""The check of the engine and the precision that are asked for."""

from cnnxfer.engines.exported.manifest import EXTRA
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.packages import require_packages
from cnnxfer.hardware.processor import find_processor
from cnnxfer.spelling import option


def check_choice(engine: str, precision: str) -> None:
    """Checks that an engine has a precision.

    Raises:
        ConfigError: if Keras is asked for bfloat16 or int8, or this machine lacks what
            int8 needs.
    """
    if engine == "keras" and precision in ("bfloat16", "int8"):
        raise ConfigError(
            f"{option('--engine', 'keras')} answers in float32 only. "
            f"For {option('--precision', precision)}, "
            f"use {option('--engine', 'openvino')}."
        )
    if precision == "int8":
        check_int8()


def check_int8() -> None:
    """Checks that this machine computes in int8, and can calibrate a network for it.

    Raises:
        ConfigError: if the processor has neither VNNI nor AMX, or NNCF is missing.
    """
    processor = find_processor()
    if not processor.int8:
        features = ", ".join(processor.features or ()) or "nothing that is known"
        raise ConfigError(
            f"{option('--precision', 'int8')} needs a processor with VNNI or AMX, and "
            f"this one ({processor.model or 'of an unknown model'}) has {features}. "
            f"Use {option('--precision', 'auto')}."
        )
    require_packages(["nncf"], option("--precision", "int8"), EXTRA)


def check_own_choice(engine: str, precision: str) -> None:
    """Checks that nothing else is asked for than the own engine of a network.

    Raises:
        ConfigError: if an engine or a precision is.
    """
    if (engine, precision) != ("auto", "auto"):
        raise ConfigError(
            "an exported network runs in its own runtime, at its own precision. Leave "
            f"out {option('--engine')} and {option('--precision')}."
        )
