"""Turn a pretrained Keras backbone into a model for your own photographs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnnxfer.version import __version__

if TYPE_CHECKING:
    from cnnxfer.api import (
        Run,
        check,
        compare,
        evaluate,
        explain,
        explain_layer,
        export,
        merge,
        open_classifier,
        predict,
        predict_into,
        preview,
        report,
        resume,
        serve,
        train,
        train_settings,
        unfreeze,
        unfreeze_plan,
    )
    from cnnxfer.data.check.report import Report
    from cnnxfer.errors import (
        CnnxferError,
        ConfigError,
        DataError,
        Interrupted,
        RunError,
    )
    from cnnxfer.evaluation.metrics import Evaluation
    from cnnxfer.prediction.prediction import Prediction

__all__ = [
    "CnnxferError",
    "ConfigError",
    "DataError",
    "Evaluation",
    "Interrupted",
    "Prediction",
    "Report",
    "Run",
    "RunError",
    "__version__",
    "check",
    "compare",
    "evaluate",
    "explain",
    "explain_layer",
    "export",
    "merge",
    "open_classifier",
    "predict",
    "predict_into",
    "preview",
    "report",
    "resume",
    "serve",
    "train",
    "train_settings",
    "unfreeze",
    "unfreeze_plan",
]

# The modules of what is not in `cnnxfer.api`, imported when it is first used.
_MODULES = {
    "Evaluation": "cnnxfer.evaluation.metrics",
    "Prediction": "cnnxfer.prediction.prediction",
    "Report": "cnnxfer.data.check.report",
    **dict.fromkeys(
        ("CnnxferError", "ConfigError", "DataError", "Interrupted", "RunError"),
        "cnnxfer.errors",
    ),
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_MODULES.get(name, "cnnxfer.api")), name)
    from cnnxfer.other_tools import COMMANDS

    right = COMMANDS.get(name, "").replace("-", "_")
    called = f"; it is called {right!r} here" if right in __all__ else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{called}")
