"""The package `openvino`, imported without its usage telemetry and its converter."""

import sys
from typing import Any

# OpenVINO reports imports and conversions to its maker through `openvino_telemetry`. If
# that package cannot be imported, OpenVINO uses a stub of its own, which sends nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
# Its converter takes as long to import as all the rest, which goes on without it.
CONVERTER = "openvino.tools.ovc"
sys.modules.setdefault(CONVERTER, None)  # type: ignore[arg-type]

import openvino  # noqa: E402


def _convert_model(*arguments: Any, **options: Any) -> Any:
    """Imports the converter, which Keras asks for, and converts a model."""
    from openvino.tools.ovc import convert_model

    return convert_model(*arguments, **options)


if sys.modules[CONVERTER] is None:
    del sys.modules[CONVERTER]
    openvino.convert_model = _convert_model

__all__ = ["openvino"]
