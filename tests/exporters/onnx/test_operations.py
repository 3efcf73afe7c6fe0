"""Each operation of OpenVINO gives the same numbers in ONNX Runtime."""

from collections.abc import Callable
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from cnnxfer.exporters.onnx.conversion import onnx_model
from cnnxfer.exporters.onnx.half import with_half_weights
from cnnxfer.exporters.onnx.operations import Unsupported

onnxruntime = pytest.importorskip("onnxruntime")
RANDOM = np.random.default_rng(0)
Build = Callable[[Any], Any]  # from the input to the output


def numbers(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def network(build: Build, *sizes: int) -> openvino.Model:
    pixels = ops.parameter([-1, *sizes], np.float32)
    return openvino.Model([build(pixels)], [pixels])


def answers_of(model: Any, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(["y"], {"x": x})
    return np.asarray(found)


def nearest_in_the_simple_way(*sizes: int) -> Build:
    def build(x: Any) -> Any:
        return ops.interpolate(
            x,
            integers(*sizes),
            "nearest",
            "sizes",
            coordinate_transformation_mode="tf_half_pixel_for_nn",
            nearest_mode="simple",
            axes=integers(1, 2),
        )

    return build


WINDOW = {"strides": [2, 2], "pads_begin": [0, 1], "pads_end": [1, 0]}
CONVOLUTION = {**WINDOW, "dilations": [1, 1]}
SLICED = {"begin_mask": [1, 0, 0], "end_mask": [1, 0, 0]}
CASES: dict[str, tuple[Build, tuple[int, ...]]] = {
    "convolution": (
        lambda x: ops.convolution(x, numbers(5, 4, 3, 2), **CONVOLUTION),
        (4, 9, 8),
    ),
    "convolution, same": (
        lambda x: ops.convolution(
            x, numbers(5, 4, 3, 3), **CONVOLUTION, auto_pad="same_upper"
        ),
        (4, 9, 8),
    ),
    "convolution with a bias": (
        lambda x: ops.add(
            ops.convolution(x, numbers(5, 4, 3, 2), **CONVOLUTION), numbers(1, 5, 1, 1)
        ),
        (4, 9, 8),
    ),
    "groups": (
        lambda x: ops.group_convolution(x, numbers(2, 3, 2, 3, 3), **CONVOLUTION),
        (4, 9, 8),
    ),
    "max pool": (
        lambda x: ops.max_pool(
            x, dilations=[1, 1], kernel_shape=[3, 2], **WINDOW
        ).output(0),
        (3, 8, 7),
    ),
    "mean pool": (
        lambda x: ops.avg_pool(x, kernel_shape=[3, 2], exclude_pad=True, **WINDOW),
        (3, 8, 7),
    ),
    "mean pool, zeros count": (
        lambda x: ops.avg_pool(x, kernel_shape=[3, 2], exclude_pad=False, **WINDOW),
        (3, 8, 7),
    ),
    "clamp": (lambda x: ops.clamp(x, -0.5, 0.25), (7,)),
    "product, turned": (
        lambda x: ops.matmul(x, numbers(3, 7), False, True),
        (4, 7),
    ),
    "norm": (
        lambda x: ops.batch_norm_inference(
            x, numbers(3), numbers(3), numbers(3), np.abs(numbers(3)), 1e-3
        ),
        (3, 4, 4),
    ),
    "mean and variance": (
        lambda x: ops.mvn(x, integers(1, 2), True, 1e-5, "INSIDE_SQRT"),
        (3, 4),
    ),
    "gelu": (lambda x: ops.gelu(x, "erf"), (7,)),
    "gelu by tanh": (lambda x: ops.gelu(x, "tanh"), (7,)),
    "swish": (lambda x: ops.swish(x, np.float32(1.5)), (7,)),
    "hard swish": (lambda x: ops.hswish(x), (7,)),
    "hard sigmoid": (lambda x: ops.hsigmoid(x), (7,)),
    "softmax": (lambda x: ops.softmax(x, 1), (3, 4)),
    "distance": (lambda x: ops.squared_difference(x, np.float32(2)), (7,)),
    "halves": (lambda x: ops.divide(x, np.float32(3)), (7,)),
    "turned": (lambda x: ops.transpose(x, integers(0, 2, 1)), (3, 4)),
    "reshaped, by zero": (
        lambda x: ops.reshape(x, np.array([0, -1]), special_zero=True),
        (3, 4),
    ),
    "joined": (lambda x: ops.concat([x, x], 2), (3, 4)),
    "mean": (lambda x: ops.reduce_mean(x, integers(1, 2), keep_dims=True), (3, 4)),
    "greatest": (lambda x: ops.reduce_max(x, integers(-1), keep_dims=False), (3, 4)),
    "two greatest": (
        lambda x: ops.topk(x, np.int32(2), -1, "max", "value").output(0),
        (3, 4),
    ),
    "their places": (
        lambda x: ops.convert(
            ops.topk(x, np.int32(2), -1, "max", "value").output(1), "f32"
        ),
        (3, 4),
    ),
    "gathered": (lambda x: ops.gather(x, integers(2, 0), np.int32(1)), (3, 4)),
    "squeezed everywhere": (
        lambda x: ops.multiply(
            x,
            openvino.opset15.squeeze(
                ops.reduce_max(x, integers(0, 1, 2), keep_dims=True)
            ),
        ),
        (3, 4),
    ),
    "gathered, in the oldest form": (
        lambda x: openvino.opset1.gather(x, integers(2, 0), np.int32(1)),
        (3, 4),
    ),
    "gathered one by one": (
        lambda x: ops.gather_elements(
            x, ops.topk(x, np.int32(2), -1, "min", "value").output(1), 2
        ),
        (3, 4),
    ),
    "scattered": (
        lambda x: ops.scatter_elements_update(
            x,
            ops.topk(x, np.int32(2), 2, "min", "value").output(1),
            numbers(2, 3, 2),
            2,
        ),
        (3, 4),
    ),
    "gathered of each": (
        lambda x: ops.gather(
            x, ops.convert(ops.reduce_max(x, integers(2)), "i32"), np.int32(1), 1
        ),
        (3, 4),
    ),
    "reflected": (
        lambda x: ops.pad(x, integers(0, 1, 1), integers(0, 2, 0), "reflect"),
        (3, 4),
    ),
    "backwards": (
        lambda x: ops.reverse_sequence(x, integers(3, 2), 0, 2),
        (3, 4),
    ),
    "padded": (
        lambda x: ops.pad(
            x, integers(0, 1, 1), integers(0, 2, 0), "constant", np.float32(3)
        ),
        (3, 4),
    ),
    "shape": (lambda x: ops.convert(ops.shape_of(x), "f32"), (3, 4)),
    "spread": (
        lambda x: ops.broadcast(
            ops.reduce_max(x, integers(1), True), ops.shape_of(x), None, "BIDIRECTIONAL"
        ),
        (3, 4),
    ),
    "other": (
        lambda x: ops.select(
            ops.not_equal(ops.floor(x), np.float32(0)), x, np.float32(9)
        ),
        (7,),
    ),
    "larger, bilinear": (
        lambda x: ops.interpolate(
            x,
            integers(10, 7),
            "linear_onnx",
            "sizes",
            coordinate_transformation_mode="half_pixel",
            axes=integers(1, 2),
        ),
        (4, 3, 2),
    ),
    "larger, nearest in the simple way": (nearest_in_the_simple_way(8, 12), (4, 6, 2)),
    "smaller, nearest in the simple way": (nearest_in_the_simple_way(2, 3), (4, 6, 2)),
    "larger, nearest": (
        lambda x: ops.interpolate(
            x,
            integers(8, 6),
            "nearest",
            "sizes",
            coordinate_transformation_mode="tf_half_pixel_for_nn",
            nearest_mode="floor",
            axes=integers(1, 2),
        ),
        (4, 3, 2),
    ),
    "slice": (
        lambda x: ops.strided_slice(
            x, integers(0, -2, 3), integers(0, 9, 0), integers(1, 1, -1), **SLICED
        ),
        (3, 4),
    ),
    "slice behind an ellipsis": (
        lambda x: ops.strided_slice(
            x,
            integers(0, 1),
            integers(0, 3),
            integers(1, 1),
            begin_mask=[0, 0],
            end_mask=[0, 0],
            ellipsis_mask=[1, 0],
        ),
        (3, 4),
    ),
    "an axis more": (
        lambda x: ops.strided_slice(
            x,
            integers(0, 0),
            integers(0, 0),
            integers(1, 1),
            begin_mask=[0, 0],
            end_mask=[0, 0],
            new_axis_mask=[0, 1],
            ellipsis_mask=[1, 0],
        ),
        (3, 4),
    ),
    "an axis less": (
        lambda x: ops.strided_slice(
            x,
            integers(0, 2),
            integers(0, 3),
            integers(1, 1),
            begin_mask=[1, 0],
            end_mask=[1, 0],
            shrink_axis_mask=[0, 1],
        ),
        (3, 4),
    ),
    "slice by axes": (
        lambda x: ops.slice(x, integers(1), integers(3), integers(1), integers(2)),
        (3, 4),
    ),
    "parts": (
        lambda x: ops.variadic_split(x, np.int32(1), np.array([1, 2])).output(1),
        (3, 4),
    ),
    "halved": (lambda x: ops.split(x, np.int32(2), 2).output(1), (3, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_it_gives_the_same_numbers(name: str) -> None:
    build, sizes = CASES[name]
    x = np.random.default_rng(1).uniform(-3, 3, (2, *sizes)).astype(np.float32)
    if name == "gathered of each":
        x = x % 3  # places
    model = network(build, *sizes)
    expected = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    values = next(iter(expected(x).values()))
    assert np.ptp(values) > 0
    found = answers_of(onnx_model(model, "x", "y"), x)
    np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-5)


def test_an_operation_without_translation_is_named() -> None:
    model = network(lambda x: ops.cum_sum(x, np.int32(1)), 3)
    with pytest.raises(Unsupported, match="CumSum"):
        onnx_model(model, "x", "y")


def test_a_bias_is_in_its_convolution_unless_something_else_reads_that() -> None:
    def biased(x: Any) -> Any:
        return ops.add(ops.convolution(x, numbers(5, 4, 3, 2), **CONVOLUTION), bias)

    def twice(x: Any) -> Any:
        found = ops.convolution(x, numbers(5, 4, 3, 2), **CONVOLUTION)
        return ops.multiply(found, ops.add(found, bias))

    def operations(build: Build) -> list[str]:
        model = onnx_model(network(build, 4, 9, 8), "x", "y")
        return [node.op_type for node in model.graph.node]

    bias = numbers(1, 5, 1, 1)
    assert operations(biased) == ["Conv", "Identity"]
    assert operations(twice) == ["Conv", "Add", "Mul", "Identity"]


def test_half_weights_take_half_the_room_and_hardly_change_an_answer() -> None:
    model = network(lambda x: ops.matmul(x, numbers(100, 90), False, False), 100)
    plain, half = onnx_model(model, "x", "y"), onnx_model(model, "x", "y")
    with_half_weights(half)
    assert half.ByteSize() < 0.52 * plain.ByteSize()
    x = numbers(2, 100)
    one, other = answers_of(plain, x), answers_of(half, x)
    assert 0 < np.abs(one - other).max() < 0.02


def test_weights_beyond_half_are_refused() -> None:
    model = network(lambda x: ops.multiply(x, 1e6 * numbers(20)), 20)
    with pytest.raises(OverflowError, match="beyond float16"):
        with_half_weights(onnx_model(model, "x", "y"))
