from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnxfer.engines.conversion.free_batch import free_batch
from cnnxfer.engines.conversion.transposes import cancel_transposes
from cnnxfer.engines.silent_openvino import openvino

ops = openvino.opset16
SHAPE = (2, 5, 7, 3)


def turned(value: Any, *order: int) -> Any:
    return ops.transpose(value, np.array(order))


def first(value: Any) -> Any:
    return turned(value, 0, 3, 1, 2)


def last(value: Any) -> Any:
    return turned(value, 0, 2, 3, 1)


def ramp(*shape: int) -> np.ndarray:
    return np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape) / 10


def convolved(value: Any) -> Any:
    """Returns what has to be computed with channels first."""
    channels = value.output(0).get_partial_shape()[1].get_length()
    nothing = ([1, 1], [0, 0], [0, 0], [1, 1])
    return ops.convolution(value, ramp(3, channels, 1, 1) / 10, *nothing)


def integers(*values: int) -> Any:
    return np.array(values, np.int64)


# What stands between a transpose and the one that takes it back.
BETWEEN: dict[str, Callable[[Any], Any]] = {
    "unary": lambda x: ops.relu(ops.sigmoid(x)),
    "scalar": lambda x: ops.multiply(x, np.float32(2)),
    "row": lambda x: ops.add(x, ramp(3)),
    "column of four axes": lambda x: ops.add(ramp(1, 1, 1, 3), x),
    "two that are alike": lambda x: ops.add(ops.relu(x), ops.sigmoid(x)),
    "gate": lambda x: ops.multiply(
        x, ops.reduce_mean(x, integers(1, 2), keep_dims=True)
    ),
    "concat": lambda x: ops.concat([x, ops.relu(x)], -1),
    "pad": lambda x: ops.pad(x, integers(0, 1, 2, 0), integers(0, 3, 0, 0), "constant"),
    "swapped axes": lambda x: turned(
        ops.add(turned(x, 0, 3, 2, 1), ramp(1, 3, 1, 1)), 0, 3, 2, 1
    ),
}


def model_of(between: Callable[[Any], Any], batch: int = -1) -> Any:
    pixels = ops.parameter([batch, *SHAPE[1:]], np.float32)
    inside = first(between(last(convolved(first(pixels)))))
    return openvino.Model([ops.result(last(convolved(inside)))], [pixels])


def answers(model: Any, images: np.ndarray) -> np.ndarray:
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    (found,) = openvino.compile_model(model, "CPU", settings)(images).values()
    return np.array(found)


def kinds(model: Any) -> Counter[str]:
    return Counter(node.get_type_name() for node in model.get_ordered_ops())


@pytest.mark.parametrize("name", BETWEEN)
def test_transposes_cancel_and_answers_stay(name: str) -> None:
    images = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    model = model_of(BETWEEN[name])
    expected = answers(model, images)
    assert kinds(model)["Transpose"] >= 4
    cancel_transposes(model)
    # One at each end of the network.
    assert kinds(model)["Transpose"] == 2
    np.testing.assert_allclose(answers(model, images), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("between", "left"),
    [
        (lambda x: ops.reshape(x, integers(2, 7, 5, 3), False), 4),
        (lambda x: ops.add(x, ops.reshape(x, integers(2, 5, 7, 3), False)), 4),
        (lambda x: ops.softmax(x, 3), 4),
    ],
    ids=["reshape", "one that has no other order", "softmax"],
)
def test_what_cannot_move_is_left(between: Callable[[Any], Any], left: int) -> None:
    images = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    model = model_of(between, batch=2)
    expected = answers(model, images)
    cancel_transposes(model)
    assert kinds(model)["Transpose"] == left
    np.testing.assert_allclose(answers(model, images), expected, rtol=1e-5)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("axes", [(1, 2), (3,), (1,), (-1, -2)])
def test_reductions_know_their_axes(axes: tuple[int, ...], keep: bool) -> None:
    images = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    pixels = ops.parameter([-1, *SHAPE[1:]], np.float32)
    x = last(convolved(first(pixels)))
    x = ops.reduce_max(x, integers(*axes), keep_dims=keep)
    model = openvino.Model([ops.result(ops.relu(x))], [pixels])
    expected = answers(model, images)
    cancel_transposes(model)
    # The first one stays; the other is behind the reduction, or not needed.
    assert kinds(model)["Transpose"] == 1 + (keep or axes == (1,))
    np.testing.assert_allclose(answers(model, images), expected, rtol=1e-5)


@pytest.mark.parametrize("target", [(1, 1, 1, 105), (1, 35, 3), (1, -1), (1, 35, -1)])
def test_the_batch_is_free_behind_a_reshape(target: tuple[int, ...]) -> None:
    images = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    pixels = ops.parameter([1, *SHAPE[1:]], np.float32)
    x = ops.reshape(pixels, integers(*target), False)
    model = openvino.Model([ops.result(ops.relu(x))], [pixels])
    one = [answers(model, image[None]) for image in images]
    pixels.set_partial_shape(openvino.PartialShape([-1, *SHAPE[1:]]))
    model.validate_nodes_and_infer_types()
    free_batch(model)
    np.testing.assert_array_equal(answers(model, images), np.concatenate(one))
