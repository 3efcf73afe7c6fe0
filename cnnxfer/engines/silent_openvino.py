"""OpenVINO, which tells nobody that it is used."""

from __future__ import annotations

import sys

# OpenVINO reports imports and conversions to its maker unless the package that does so
# cannot be imported; it has a stand-in for that case.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]
