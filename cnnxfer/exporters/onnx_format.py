"""Writes ONNX, from OpenVINO's form of the network.

Keras's own way goes through tf2onnx, which needs up to 50 times the weights in memory,
or through PyTorch, an installation of gigabytes.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from cnnxfer.exporters.formats import INPUT, OUTPUT, Target
from cnnxfer.exporters.network_files import NetworkFiles
from cnnxfer.exporters.onnx.conversion import onnx_model
from cnnxfer.exporters.onnx.half import with_half_weights
from cnnxfer.quiet import quiet_libraries

# Activations that only cut values off are among them, so that no room is spent on
# values before the cut.
QUANTIZED = ["Clip", "Conv", "MatMul", "Relu"]


def write_onnx(files: NetworkFiles, target: Target) -> None:
    """Writes an `.onnx` file."""
    model = onnx_model(files.openvino_model(), INPUT, OUTPUT)
    if target.precision == "int8":
        _write_quantized(model, target)
        return
    if target.precision == "float16":
        with_half_weights(model)
    onnx.save(model, target.path)


class _Pictures:
    """Gives ONNX Runtime one picture after the other."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._left: Iterator[np.ndarray] = iter(pixels)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Returns the next picture; None behind the last one."""
        picture = next(self._left, None)
        return None if picture is None else {INPUT: picture[None].astype(np.float32)}


def _write_quantized(model: onnx.ModelProto, target: Target) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        onnx.save(model, plain)
        pictures = _Pictures(target.calibration())
        with quiet_libraries():
            quantize_static(
                plain,
                target.path,
                pictures,
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                op_types_to_quantize=QUANTIZED,
            )
