"""Weights of half the size in an ONNX file."""

import numpy as np
import onnx

LEAST_VALUES = 16  # of a constant that is worth it; others are bounds and steps


def with_half_weights(model: onnx.ModelProto) -> None:
    """Stores a model's weights in float16; what is computed stays in float32.

    Each is turned back where it is read, which runtimes do once, as they load the file.

    Args:
        model: it is changed.

    Raises:
        OverflowError: if a weight is beyond float16.
    """
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LEAST_VALUES:
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise OverflowError(f"{tensor.name} has values beyond float16")
        name = tensor.name
        half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half")
        tensor.CopyFrom(half)
        casts.append(
            onnx.helper.make_node(
                "Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT
            )
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
