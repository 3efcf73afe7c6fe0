"""What each operation of OpenVINO is in ONNX.

The meaning of both is defined in https://docs.openvino.ai (operation sets) and
https://onnx.ai/onnx/operators. Layouts are the same, so most differ in their names
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from cnnxfer.exporters.onnx.graph import OnnxGraph

TYPES = {
    "f16": onnx.TensorProto.FLOAT16,
    "f32": onnx.TensorProto.FLOAT,
    "f64": onnx.TensorProto.DOUBLE,
    "i32": onnx.TensorProto.INT32,
    "i64": onnx.TensorProto.INT64,
    "u8": onnx.TensorProto.UINT8,
    "boolean": onnx.TensorProto.BOOL,
}
# Those that ONNX has with the same inputs and no attributes.
SAME = {
    "Abs": "Abs",
    "Divide": "Div",  # of whole numbers towards 0; ours are never negative
    "Equal": "Equal",
    "Erf": "Erf",
    "Exp": "Exp",
    "Floor": "Floor",
    "FloorMod": "Mod",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "HSwish": "HardSwish",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "Log": "Log",
    "LogicalAnd": "And",
    "LogicalNot": "Not",
    "LogicalOr": "Or",
    "LogicalXor": "Xor",
    "Maximum": "Max",
    "Minimum": "Min",
    "Multiply": "Mul",
    "Negative": "Neg",
    "Power": "Pow",
    "Range": "Range",
    "ReLU": "Relu",
    "Relu": "Relu",
    "Select": "Where",
    "Sigmoid": "Sigmoid",
    "SoftPlus": "Softplus",
    "Sqrt": "Sqrt",
    "Subtract": "Sub",
    "Tanh": "Tanh",
}
LAST = np.iinfo(np.int64).max  # behind every place of a tensor
REDUCTIONS = {
    "ReduceMax": "ReduceMax",
    "ReduceMean": "ReduceMean",
    "ReduceMin": "ReduceMin",
    "ReduceProd": "ReduceProd",
    "ReduceSum": "ReduceSum",
}


class Operation:
    """An operation of OpenVINO, with the names that its inputs have in ONNX.

    Attributes:
        name: its type, such as `Convolution`.
        attributes: those that OpenVINO lists.
        inputs: the names of the tensors in ONNX.
        constants: the values of the inputs that are constants, by position.
        alone: of each input, whether nothing else reads that tensor.
        shapes: the shapes of the inputs; None where a size is not known.
        types: OpenVINO's names of the inputs' element types.
        output_types: those of the outputs.
    """

    def __init__(self, node: Any, inputs: Sequence[str]) -> None:
        self.name: str = node.get_type_name()
        self.attributes: Mapping[str, Any] = node.get_attributes()
        self.inputs = list(inputs)
        sources = [node.input_value(at) for at in range(node.get_input_size())]
        self.constants: dict[int, np.ndarray] = {
            at: source.get_node().get_data()
            for at, source in enumerate(sources)
            if source.get_node().get_type_name() == "Constant"
        }
        self.alone = [len(source.get_target_inputs()) == 1 for source in sources]
        self.shapes = [_sizes(source.get_partial_shape()) for source in sources]
        self.types = [source.get_element_type().get_type_name() for source in sources]
        self.output_types = [
            output.get_element_type().get_type_name() for output in node.outputs()
        ]

    def known(self, at: int) -> np.ndarray:
        """Returns the values of an input.

        Raises:
            Unsupported: if they are not constant.
        """
        if at not in self.constants:
            raise Unsupported(f"{self.name}, whose input {at} is computed")
        return self.constants[at]

    def refuse(self, why: str) -> Unsupported:
        """Returns the error for an operation in a form that is not translated."""
        return Unsupported(f"{self.name} {why}")


class Unsupported(Exception):
    """An operation that has no translation here; the message names it."""

    def __init__(self, operation: str) -> None:
        """Takes the name of the operation, and what is special about it."""
        super().__init__(f"its operation {operation} has no translation")


def translate(operation: Operation, graph: OnnxGraph) -> list[str]:
    """Adds an operation to the graph and returns the names of its outputs.

    Raises:
        Unsupported: if there is no translation.
    """
    if operation.name in SAME:
        return graph.add(SAME[operation.name], operation.inputs)
    if operation.name in REDUCTIONS:
        return _reduced(operation, graph)
    if operation.name not in TRANSLATIONS:
        raise Unsupported(operation.name)
    return TRANSLATIONS[operation.name](operation, graph)


def _sizes(shape: Any) -> list[int | None] | None:
    if shape.rank.is_dynamic:
        return None
    return [None if size.is_dynamic else size.get_length() for size in shape]


def _cast(name: str, kind: str, graph: OnnxGraph) -> str:
    return graph.add("Cast", [name], to=TYPES[kind])[0]


def _wide(op: Operation, at: int, graph: OnnxGraph) -> str:
    """Returns an input of integers as ONNX takes shapes, axes and places."""
    if at in op.constants:
        return graph.integers(np.atleast_1d(op.constants[at]).tolist())
    return (
        op.inputs[at] if op.types[at] == "i64" else _cast(op.inputs[at], "i64", graph)
    )


def _reduced(op: Operation, graph: OnnxGraph) -> list[str]:
    axes = np.atleast_1d(op.known(1)).tolist()
    return graph.add(
        REDUCTIONS[op.name],
        [op.inputs[0], graph.integers(axes)],
        keepdims=int(op.attributes["keep_dims"]),
    )


def _windows(op: Operation) -> dict[str, Any]:
    """Returns what convolutions and pooling have in common."""
    attributes = op.attributes
    options: dict[str, Any] = {"strides": list(attributes["strides"])}
    if "dilations" in attributes:
        options["dilations"] = list(attributes["dilations"])
    padding = attributes.get("auto_pad", "explicit")
    if padding in ("same_upper", "same_lower", "valid"):
        return {**options, "auto_pad": padding.upper()}
    pads = [*attributes["pads_begin"], *attributes["pads_end"]]
    return {**options, "pads": pads}


def _convolution(op: Operation, graph: OnnxGraph) -> list[str]:
    return graph.add("Conv", op.inputs, **_windows(op))


def _group_convolution(op: Operation, graph: OnnxGraph) -> list[str]:
    shape = op.shapes[1]
    if shape is None or None in shape:
        raise op.refuse("with kernels of an unknown shape")
    groups, of_group, *rest = (size or 0 for size in shape)
    flat = [groups * of_group, *rest]
    if 1 in op.constants:
        kernels = graph.constant(op.constants[1].reshape(flat))
    else:
        kernels = graph.add("Reshape", [op.inputs[1], graph.integers(flat)])[0]
    return graph.add("Conv", [op.inputs[0], kernels], group=groups, **_windows(op))


def _pooling(op: Operation) -> dict[str, Any]:
    ceil = str(op.attributes.get("rounding_type", "floor")).startswith("ceil")
    kernel = list(op.attributes["kernel"])
    return {**_windows(op), "kernel_shape": kernel, "ceil_mode": int(ceil)}


def _max_pool(op: Operation, graph: OnnxGraph) -> list[str]:
    # The second output, of places, is not translated; nothing of ours reads it.
    return graph.add("MaxPool", op.inputs, **_pooling(op))


def _average_pool(op: Operation, graph: OnnxGraph) -> list[str]:
    excluded = op.attributes.get("exclude-pad", op.attributes.get("exclude_pad"))
    return graph.add(
        "AveragePool", op.inputs, count_include_pad=int(not excluded), **_pooling(op)
    )


def _clamp(op: Operation, graph: OnnxGraph) -> list[str]:
    kind = onnx.helper.tensor_dtype_to_np_dtype(TYPES[op.types[0]])
    bounds = [
        graph.constant(np.array(op.attributes[side], kind)) for side in ("min", "max")
    ]
    return graph.add("Clip", [op.inputs[0], *bounds])


def _matmul(op: Operation, graph: OnnxGraph) -> list[str]:
    names = op.inputs[:]
    for at, flag in enumerate(("transpose_a", "transpose_b")):
        if op.attributes[flag]:
            shape = op.shapes[at]
            if shape is None:
                raise op.refuse("of tensors of an unknown rank")
            axes = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
            names[at] = (
                graph.constant(np.ascontiguousarray(op.constants[at].transpose(axes)))
                if at in op.constants
                else graph.add("Transpose", [names[at]], perm=axes)[0]
            )
    return graph.add("MatMul", names)


def _add(op: Operation, graph: OnnxGraph) -> list[str]:
    for at, bias in op.constants.items():
        other = 1 - at
        if op.alone[other] and graph.add_bias(op.inputs[other], bias):
            return [op.inputs[other]]
    return graph.add("Add", op.inputs)


def _not_equal(op: Operation, graph: OnnxGraph) -> list[str]:
    return graph.add("Not", graph.add("Equal", op.inputs))


def _mod(op: Operation, graph: OnnxGraph) -> list[str]:
    return graph.add("Mod", op.inputs, fmod=1)


def _reshape(op: Operation, graph: OnnxGraph) -> list[str]:
    # With `special_zero`, 0 means the size that the input has, as in ONNX by default.
    zero = int(not op.attributes["special_zero"])
    return graph.add("Reshape", [op.inputs[0], _wide(op, 1, graph)], allowzero=zero)


def _with_integers(op: Operation, graph: OnnxGraph) -> list[str]:
    if len(op.inputs) == 1:  # Squeeze: all axes of one
        return graph.add(op.name, op.inputs)
    return graph.add(op.name, [op.inputs[0], _wide(op, 1, graph)])


def _transpose(op: Operation, graph: OnnxGraph) -> list[str]:
    return graph.add("Transpose", [op.inputs[0]], perm=op.known(1).tolist())


def _concat(op: Operation, graph: OnnxGraph) -> list[str]:
    return graph.add("Concat", op.inputs, axis=int(op.attributes["axis"]))


def _softmax(op: Operation, graph: OnnxGraph) -> list[str]:
    return graph.add("Softmax", op.inputs, axis=int(op.attributes["axis"]))


def _batch_normalization(op: Operation, graph: OnnxGraph) -> list[str]:
    # Input, scale, bias, mean and variance, in both.
    epsilon = float(op.attributes["epsilon"])
    return graph.add("BatchNormalization", op.inputs, epsilon=epsilon)


def _gelu(op: Operation, graph: OnnxGraph) -> list[str]:
    tanh = str(op.attributes.get("approximation_mode", "erf")).lower() == "tanh"
    return graph.add("Gelu", op.inputs, approximate="tanh" if tanh else "none")


def _swish(op: Operation, graph: OnnxGraph) -> list[str]:
    x = op.inputs[0]
    scaled = graph.add("Mul", op.inputs)[0] if len(op.inputs) > 1 else x
    return graph.add("Mul", [x, graph.add("Sigmoid", [scaled])[0]])


def _hard_sigmoid(op: Operation, graph: OnnxGraph) -> list[str]:
    return graph.add("HardSigmoid", op.inputs, alpha=1 / 6, beta=0.5)


def _squared_difference(op: Operation, graph: OnnxGraph) -> list[str]:
    difference = graph.add("Sub", op.inputs)[0]
    return graph.add("Mul", [difference, difference])


def _convert(op: Operation, graph: OnnxGraph) -> list[str]:
    return [_cast(op.inputs[0], op.output_types[0], graph)]


def _shape_of(op: Operation, graph: OnnxGraph) -> list[str]:
    shape = graph.add("Shape", op.inputs)[0]
    return [shape if op.output_types[0] == "i64" else _cast(shape, "i32", graph)]


def _broadcast(op: Operation, graph: OnnxGraph) -> list[str]:
    if op.attributes["mode"] == "explicit":
        raise op.refuse("with axes")
    return graph.add("Expand", [op.inputs[0], _wide(op, 1, graph)])


def _gather(op: Operation, graph: OnnxGraph) -> list[str]:
    axis = int(op.known(2).item())
    together = int(op.attributes.get("batch_dims", 0))  # the oldest form has none
    if not together:
        return graph.add("Gather", op.inputs[:2], axis=axis)
    if axis != together:
        raise op.refuse(f"along axis {axis}, {together} axes together")
    places = graph.add("Unsqueeze", [_wide(op, 1, graph), graph.integers([-1])])
    return graph.add("GatherND", [op.inputs[0], *places], batch_dims=together)


def _gather_elements(op: Operation, graph: OnnxGraph) -> list[str]:
    return graph.add("GatherElements", op.inputs, axis=int(op.attributes["axis"]))


def _scatter_elements(op: Operation, graph: OnnxGraph) -> list[str]:
    how = op.attributes.get("reduction", "none")
    if how != "none":
        raise op.refuse(f"by {how}")
    return graph.add("ScatterElements", op.inputs[:3], axis=int(op.known(3).item()))


def _top_k(op: Operation, graph: OnnxGraph) -> list[str]:
    values, places = graph.add(
        "TopK",
        [op.inputs[0], graph.integers([int(op.known(1).item())])],
        outputs=2,
        axis=int(op.attributes["axis"]),
        largest=int(op.attributes["mode"] == "max"),
        sorted=1,
    )
    if op.output_types[1] != "i64":
        places = _cast(places, op.output_types[1], graph)
    return [values, places]


def _reverse_sequence(op: Operation, graph: OnnxGraph) -> list[str]:
    shape = op.shapes[0]
    if shape is None:
        raise op.refuse("of tensors of an unknown rank")
    # ONNX has it along the first two axes alone.
    first = [
        int(op.attributes[name]) % len(shape) for name in ("batch_axis", "seq_axis")
    ]
    axes = [*first, *(axis for axis in range(len(shape)) if axis not in first)]
    turned = graph.add("Transpose", [op.inputs[0]], perm=axes)
    lengths = _wide(op, 1, graph)
    found = graph.add("ReverseSequence", [*turned, lengths], batch_axis=0, time_axis=1)
    return graph.add("Transpose", found, perm=np.argsort(axes).tolist())


def _pad(op: Operation, graph: OnnxGraph) -> list[str]:
    mode = op.attributes["pad_mode"]
    if mode not in ("constant", "edge", "reflect"):
        raise op.refuse(f"with {mode} values")
    pads = graph.integers([*op.known(1).tolist(), *op.known(2).tolist()])
    value = op.inputs[3:4] if mode == "constant" else []
    return graph.add("Pad", [op.inputs[0], pads, *value], mode=mode)


def _resize(op: Operation, graph: OnnxGraph) -> list[str]:
    attributes = op.attributes
    if any(attributes["pads_begin"]) or any(attributes["pads_end"]):
        raise op.refuse("with padding")
    modes = {
        "nearest": "nearest",
        "linear": "linear",
        "linear_onnx": "linear",
        "cubic": "cubic",
    }
    if attributes["mode"] not in modes:
        raise op.refuse(f"by {attributes['mode']}")
    shape = op.shapes[0]
    axes = op.known(2).tolist()
    if shape is None or None in [shape[axis] for axis in axes]:
        raise op.refuse("of tensors of an unknown size")
    # Of all axes, as ONNX Runtime 1.32 rejects sizes of some.
    scales = np.ones(len(shape), np.float32)
    for axis, target in zip(axes, op.known(1).tolist(), strict=True):
        size = shape[axis]
        assert size
        if op.attributes["shape_calculation_mode"] == "scales":
            scales[axis] = target
        else:
            scales[axis] = np.float32(target / size)
            if int(scales[axis] * size) < target:  # which ONNX rounds down
                scales[axis] = np.nextafter(scales[axis], np.float32(np.inf))
    nearest = attributes["nearest_mode"]
    if nearest == "simple":  # down where pictures grow, and up where they shrink
        if scales.min() < 1 < scales.max():
            raise op.refuse("that makes larger and smaller at once")
        nearest = "floor" if scales.min() >= 1 else "ceil"
    return graph.add(
        "Resize",
        [op.inputs[0], "", graph.constant(scales)],
        mode=modes[attributes["mode"]],
        coordinate_transformation_mode=attributes["coordinate_transformation_mode"],
        nearest_mode=nearest,
        antialias=int(attributes["antialias"]),
        cubic_coeff_a=float(attributes["cube_coeff"]),
    )


def _strided_slice(op: Operation, graph: OnnxGraph) -> list[str]:
    """Slices, then adds and drops axes, as NumPy's indexing does in one expression."""
    begins, ends = op.known(1).tolist(), op.known(2).tolist()
    steps = op.known(3).tolist() if len(op.inputs) > 3 else [1] * len(begins)
    masks = {
        name: [*op.attributes[f"{name}_mask"], *[0] * len(begins)][: len(begins)]
        for name in ("begin", "end", "new_axis", "shrink_axis", "ellipsis")
    }
    shape = op.shapes[0]
    if any(masks["ellipsis"]):
        if shape is None:
            raise op.refuse("with an ellipsis, of a tensor of an unknown rank")
        at = masks["ellipsis"].index(1)
        whole = len(shape) - (len(begins) - 1 - sum(masks["new_axis"]))
        begins[at : at + 1] = ends[at : at + 1] = [0] * whole
        steps[at : at + 1] = [1] * whole
        for name, mask in masks.items():
            mask[at : at + 1] = [int(name in ("begin", "end"))] * whole
    slices: list[tuple[int, int, int, int]] = []  # begin, end, axis, step
    added: list[int] = []  # axes of the result
    dropped: list[int] = []  # axes of the sliced tensor
    axis = kept = 0
    for at, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if masks["new_axis"][at]:
            added.append(kept)
            kept += 1
            continue
        if masks["shrink_axis"][at]:
            last = LAST if begin == -1 else begin + 1
            slices.append((begin, last, axis, 1))
            dropped.append(axis)
            axis += 1
            continue
        # In OpenVINO's Python interface, 1 in a mask means that the value is ignored.
        first, last = (0, LAST) if step > 0 else (LAST, -LAST)
        first = first if masks["begin"][at] else begin
        last = last if masks["end"][at] else end
        if (first, last, step) != (0, LAST, 1):
            slices.append((first, last, axis, step))
        axis += 1
        kept += 1
    x = op.inputs[0]
    if slices:
        columns = [graph.integers(column) for column in zip(*slices, strict=True)]
        x = graph.add("Slice", [x, *columns])[0]
    if dropped:
        x = graph.add("Squeeze", [x, graph.integers(dropped)])[0]
    if added:
        x = graph.add("Unsqueeze", [x, graph.integers(added)])[0]
    return [x] if x != op.inputs[0] else graph.add("Identity", [x])


def _slice(op: Operation, graph: OnnxGraph) -> list[str]:
    begins, ends, steps = (np.atleast_1d(op.known(at)) for at in (1, 2, 3))
    axes = op.known(4).tolist() if len(op.inputs) > 4 else list(range(len(begins)))
    columns = (begins.tolist(), ends.tolist(), axes, steps.tolist())
    return graph.add("Slice", [op.inputs[0], *map(graph.integers, columns)])


def _split(op: Operation, graph: OnnxGraph) -> list[str]:
    parts = len(op.output_types)
    axis = int(op.known(1).item())
    sizes = []
    if op.name == "VariadicSplit":
        sizes = [graph.integers(op.known(2).tolist())]
    options = {} if sizes else {"num_outputs": parts}
    return graph.add("Split", [op.inputs[0], *sizes], parts, axis=axis, **options)


def _mean_variance(op: Operation, graph: OnnxGraph) -> list[str]:
    """Subtracts the mean, and divides by the standard deviation."""
    axes = graph.integers(op.known(1).tolist())
    mean = graph.add("ReduceMean", [op.inputs[0], axes])[0]
    x = graph.add("Sub", [op.inputs[0], mean])[0]
    if not op.attributes["normalize_variance"]:
        return [x]
    variance = graph.add("ReduceMean", [graph.add("Mul", [x, x])[0], axes])[0]
    epsilon = graph.constant(np.array(op.attributes["eps"], np.float32))
    if op.attributes["eps_mode"] == "inside_sqrt":
        deviation = graph.add("Sqrt", graph.add("Add", [variance, epsilon]))[0]
    else:
        root = graph.add("Sqrt", [variance])[0]
        deviation = graph.add("Add", [root, epsilon])[0]
    return graph.add("Div", [x, deviation])


TRANSLATIONS: Mapping[str, Callable[[Operation, OnnxGraph], list[str]]] = {
    "Add": _add,
    "AvgPool": _average_pool,
    "BatchNormInference": _batch_normalization,
    "Broadcast": _broadcast,
    "Clamp": _clamp,
    "Concat": _concat,
    "Convert": _convert,
    "Convolution": _convolution,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Gelu": _gelu,
    "GroupConvolution": _group_convolution,
    "HSigmoid": _hard_sigmoid,
    "Interpolate": _resize,
    "MVN": _mean_variance,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Mod": _mod,
    "NotEqual": _not_equal,
    "Pad": _pad,
    "Reshape": _reshape,
    "ReverseSequence": _reverse_sequence,
    "ScatterElementsUpdate": _scatter_elements,
    "ShapeOf": _shape_of,
    "Slice": _slice,
    "SoftMax": _softmax,
    "Softmax": _softmax,
    "Split": _split,
    "SquaredDifference": _squared_difference,
    "StridedSlice": _strided_slice,
    "Unsqueeze": _with_integers,
    "Tile": _with_integers,
    "Squeeze": _with_integers,
    "Swish": _swish,
    "TopK": _top_k,
    "Transpose": _transpose,
    "VariadicSplit": _split,
}
