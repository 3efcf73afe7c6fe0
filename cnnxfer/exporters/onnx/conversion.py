"""Conversion of a whole network from OpenVINO's form to ONNX."""

from __future__ import annotations

from typing import Any

import onnx

from cnnxfer.exporters.onnx.graph import OnnxGraph
from cnnxfer.exporters.onnx.operations import TYPES, Operation, translate

BATCH = "batch"  # name of the size that stays free


def onnx_model(network: Any, input_name: str, output_name: str) -> onnx.ModelProto:
    """Returns a network in ONNX; it takes and gives what OpenVINO's does.

    No TensorFlow is needed, and little more memory than the weights take twice.

    Args:
        network: an `openvino.Model` with one input, whose first size is the batch; of
            several outputs, the first counts.
        input_name: how the input is called in ONNX.
        output_name: how the output is.

    Raises:
        Unsupported: if an operation has no translation; the message names it.
    """
    graph = OnnxGraph()
    names: dict[tuple[str, int], str] = {}  # in ONNX, by place in OpenVINO
    parameter, result = network.get_parameters()[0], network.get_results()[0]
    for node in network.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Parameter":
            outputs = [input_name]
        elif kind == "Constant":
            outputs = [graph.constant(node.get_data())]
        elif kind == "Result":
            continue
        else:
            sources = [node.input_value(at) for at in range(node.get_input_size())]
            inputs = [names[_place(source)] for source in sources]
            outputs = translate(Operation(node, inputs), graph)
        for output, name in zip(node.outputs(), outputs, strict=False):
            names[_place(output)] = name
    found = names[_place(result.input_value(0))]
    return graph.model(
        [_info(input_name, parameter.output(0))],
        [(found, _info(output_name, result.input_value(0)))],
    )


def _place(output: Any) -> tuple[str, int]:
    return output.get_node().get_name(), output.get_index()


def _info(name: str, output: Any) -> onnx.ValueInfoProto:
    sizes = list(output.get_partial_shape())[1:]
    shape = [BATCH, *(None if one.is_dynamic else one.get_length() for one in sizes)]
    kind = TYPES[output.get_element_type().get_type_name()]
    return onnx.helper.make_tensor_value_info(name, kind, shape)
