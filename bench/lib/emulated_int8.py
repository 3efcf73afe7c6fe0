"""Runs a command of cnnxfer that computes int8 as processors with VNNI do, anywhere.

Others add products of int8 in 16 bits and cut sums off, so a network that is calibrated
answers worse there. Here its weights are rounded to the steps of int8 and kept in
float32, as its activations are: sums are exact, as they are with VNNI. It shows what
int8 costs in accuracy, and nothing of its speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnxfer.__main__ import main
from cnnxfer.engines import calibration
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.hardware.processor import Processor

quantized = calibration.quantized


def rounded(network: Any, pixels: np.ndarray) -> Any:
    """Returns a calibrated network whose numbers are steps of int8 in float32."""
    model = quantized(network, pixels)
    for operation in model.get_ordered_ops():
        if operation.get_type_name() in ("Convolution", "GroupConvolution", "MatMul"):
            for place in operation.inputs():
                values = _constant(place.get_source_output().get_node())
                if values is not None:
                    constant = openvino.opset13.constant(values.astype(np.float32))
                    place.replace_source_output(constant.output(0))
    return model


def _constant(node: Any) -> np.ndarray | None:
    """Returns what a node computes of constants alone; None if it does not."""
    kind = node.get_type_name()
    if kind == "Constant":
        return np.asarray(node.data)
    sources = [place.get_source_output().get_node() for place in node.inputs()]
    if kind not in ("Convert", "Multiply", "Subtract", "Reshape"):
        return None
    values = [_constant(source) for source in sources]
    first = values[0]
    second = values[-1]
    if first is None or second is None:
        return None
    if kind == "Convert":
        return first.astype(np.float32)
    if kind == "Reshape":
        return first.reshape(second)
    made: np.ndarray = first * second if kind == "Multiply" else first - second
    return made


if __name__ == "__main__":
    Processor.int8 = property(lambda self: True)  # type: ignore[method-assign,assignment]
    calibration.quantized = rounded
    main()
