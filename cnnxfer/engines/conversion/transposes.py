"""Moves transposes through a network until they cancel.

Keras's images have their channels last, OpenVINO's convolutions have them first. Where
Keras computes with OpenVINO, transposes stand before and behind each convolution and
normalization, and all are computed: a network takes two to three times as long.
OpenVINO has such a pass for TensorFlow's networks, and none that can be called.

A tensor y is the transpose of x in the order p if `y.shape[i] == x.shape[p[i]]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnnxfer.engines.silent_openvino import openvino

Order = tuple[int, ...]
# fmt: off
UNARY = frozenset((
    "Abs", "Ceiling", "Clamp", "Convert", "Elu", "Erf", "Exp", "Floor", "Gelu",
    "HSigmoid", "HSwish", "HardSigmoid", "Log", "Mish", "Negative", "Relu", "Selu",
    "Sigmoid", "SoftPlus", "SoftSign", "Sqrt", "Swish", "Tanh",
))
BINARY = frozenset((
    "Add", "Divide", "Maximum", "Minimum", "Multiply", "Power", "SquaredDifference",
    "Subtract",
))
# fmt: on
REDUCTIONS = frozenset(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"))


def cancel_transposes(model: Any) -> None:
    """Changes an `openvino.Model`, whose answers stay what they are."""
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Transpose":
            _compose(node)
            continue
        order = _order_before(node) if kind in _MOVES else None
        if order and _MOVES[kind](node, order):
            node.validate_and_infer_types()
            _transpose_behind(node, order)
    model.validate_nodes_and_infer_types()


def _compose(node: Any) -> None:
    """Makes one transpose of two, or none if they cancel."""
    order, value = _order(node), node.input_value(0)
    before = _order(value.get_node())
    if order is None or before is None:
        return
    source = value.get_node().input_value(0)
    both = tuple(before[place] for place in order)
    is_nothing = both == tuple(range(len(both)))
    _replace(node.output(0), source if is_nothing else _transpose(source, both))


def _elementwise(node: Any, order: Order) -> bool:
    turned = [_turned(value, order) for value in node.input_values()]
    return _set_inputs(node, turned)


def _first_input(node: Any, order: Order) -> bool:
    return _set_inputs(node, [_turned(node.input_value(0), order)])


def _concat(node: Any, order: Order) -> bool:
    axis = node.get_attributes()["axis"] % len(order)
    if not _elementwise(node, order):
        return False
    node.set_axis(order[axis])
    return True


def _pad(node: Any, order: Order) -> bool:
    turned = [_turned(node.input_value(0), order)]
    for place in (1, 2):
        pads = _constant(node.input_value(place))
        turned.append(None if pads is None else _new_constant(pads[_inverse(order)]))
    return _set_inputs(node, turned)


def _reduce(node: Any, order: Order) -> bool:
    axes = _constant(node.input_value(1))
    if axes is None:
        return False
    places = [int(axis) % len(order) for axis in axes.ravel()]
    left = [order[place] for place in range(len(order)) if place not in places]
    if not node.get_attributes()["keep_dims"] and left != sorted(left):
        return False
    turned = np.array([order[place] for place in places], np.int64)
    return _set_inputs(
        node, [_turned(node.input_value(0), order), _new_constant(turned)]
    )


_MOVES: dict[str, Callable[[Any, Order], bool]] = {
    **dict.fromkeys(UNARY, _first_input),
    **dict.fromkeys(BINARY, _elementwise),
    **dict.fromkeys(REDUCTIONS, _reduce),
    "Concat": _concat,
    "Pad": _pad,
}


def _order_before(node: Any) -> Order | None:
    """Returns the order of a transpose before a node; None if there is none."""
    orders = (_order(value.get_node()) for value in node.input_values())
    return next(filter(None, orders), None)


def _turned(value: Any, order: Order) -> Any:
    """Returns what a tensor is the transpose of; None if that has to be computed.

    A transpose that moves no numbers, of a tensor with one value in all places, is
    nothing to compute.
    """
    if _order(value.get_node()) == order:
        return value.get_node().input_value(0)
    inverse = _inverse(order)
    constant = _constant(value)
    if constant is not None and constant.ndim <= len(order):
        shape = (1,) * (len(order) - constant.ndim) + constant.shape
        return _new_constant(constant.reshape(shape).transpose(inverse))
    shape = value.get_partial_shape()
    if shape.rank != len(order):
        return None
    sizes = [shape[place] for place in range(1, len(order))]
    many = [size for size in sizes if size.is_dynamic or size.get_length() > 1]
    return _transpose(value, tuple(inverse)) if len(many) <= 1 else None


def _set_inputs(node: Any, values: list[Any]) -> bool:
    """Gives a node its first inputs, if all of them are there."""
    if any(value is None for value in values):
        return False
    for place, value in enumerate(values):
        node.input(place).replace_source_output(value)
    return True


def _transpose_behind(node: Any, order: Order) -> None:
    output = node.output(0)
    if len(output.get_partial_shape()) == len(order):  # a reduction may take axes away
        takers = list(output.get_target_inputs())
        turned = _transpose(output, order)
        for taker in takers:
            taker.replace_source_output(turned)


def _replace(output: Any, other: Any) -> None:
    for taker in list(output.get_target_inputs()):
        taker.replace_source_output(other)


def _order(node: Any) -> Order | None:
    if node.get_type_name() != "Transpose":
        return None
    axes = _constant(node.input_value(1))
    return None if axes is None else tuple(axes.tolist())


def _inverse(order: Order) -> list[int]:
    return [order.index(place) for place in range(len(order))]


def _transpose(value: Any, order: Order) -> Any:
    axes = _new_constant(np.array(order, np.int64))
    return openvino.opset16.transpose(value, axes).output(0)


def _constant(value: Any) -> np.ndarray | None:
    node = value.get_node()
    if node.get_type_name() != "Constant":
        return None
    data: np.ndarray = node.data
    return data


def _new_constant(values: np.ndarray) -> Any:
    return openvino.opset16.constant(np.ascontiguousarray(values)).output(0)
