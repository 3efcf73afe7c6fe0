"""The package `openvino`, imported without its usage telemetry."""

import sys

# OpenVINO reports imports and conversions to its maker through `openvino_telemetry`. If
# that package cannot be imported, OpenVINO uses a stub of its own, which sends nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]
