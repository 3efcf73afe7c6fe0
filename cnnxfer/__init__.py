"""Turn a pretrained Keras backbone into a classifier for your own photographs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnnxfer.version import __version__

if TYPE_CHECKING:
    from cnnxfer.api import (
        check,
        compare,
        evaluate,
        open_classifier,
        predict,
        predict_into,
        preview,
        resume,
        train,
        unfreeze,
        unfreeze_plan,
    )

__all__ = [
    "__version__",
    "check",
    "compare",
    "evaluate",
    "open_classifier",
    "predict",
    "predict_into",
    "preview",
    "resume",
    "train",
    "unfreeze",
    "unfreeze_plan",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("cnnxfer.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
