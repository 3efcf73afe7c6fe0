"""Exported networks of a few operations, which answer at once and without Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cnnxfer.engines.exported.manifest import MANIFEST, Manifest, files_of
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.files import json_text, write_text
from cnnxfer.tasks.boxes.detection import ROWS
from cnnxfer.tasks.catalog import TASKS

SIZE = 32  # the side of what they see, in pixels
COLOURS = ("red", "green", "blue")
op = openvino.opset15


def write_export(
    folder: Path, task: str = "classification", names: tuple[str, ...] = COLOURS
) -> Path:
    """Writes an exported network into a folder, which is made or written over.

    Args:
        folder: the folder.
        task: what it answers: the mean colour of a picture (classification), an object
            of the first class in the upper left quarter, with the score that the
            picture is red (detection), or the colour of each pixel (segmentation).
        names: of the classes: one for each of red, green and blue.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pixels = op.parameter([-1, SIZE, SIZE, 3], openvino.Type.f32, name="pixels")
    answer = NETWORKS[task](pixels)
    network = openvino.Model([answer], [pixels])
    network.input().set_names({"pixels"})
    network.output(0).set_names({"output"})
    openvino.save_model(network, folder / "model.xml", compress_to_fp16=False)
    manifest = Manifest(
        version="0",
        name=folder.name,
        backbone="mobilenet-0.25",
        format="openvino",
        precision="float32",
        file="model.xml",
        sha256=files_of(folder, ["model.xml", "model.bin"]),
        input="pixels",
        output="output",
        image_size=SIZE,
        fit="stretch",
        fraction=1.0,
        resampling="area",
        classes=[[name, name] for name in names],
        answers={
            "task": task,
            "activation": TASKS.get(task).activation,
            "activated": False,
            "thresholds": {},
            "temperature": None,
        },
        outputs="",
        checked={},
    )
    write_text(folder / MANIFEST, json_text(vars(manifest)))
    return folder


def _mean_colour(pixels: openvino.Node) -> openvino.Node:
    mean = op.reduce_mean(pixels, np.array([1, 2]))
    return op.divide(mean, np.float32(50))


def _one_object(pixels: openvino.Node) -> openvino.Node:
    red = op.divide(op.reduce_mean(pixels, np.array([1, 2])), np.float32(255))
    red = op.reshape(op.gather(red, np.array([0]), np.array(1)), [-1, 1, 1], False)
    rows = np.zeros((1, ROWS, 6), np.float32)
    rows[0, 0] = 0, 0, SIZE / 2, SIZE / 2, 0, 0
    score = np.zeros((1, ROWS, 6), np.float32)
    score[0, 0, 4] = 1
    return op.add(op.multiply(red, score), rows)


def _each_pixel(pixels: openvino.Node) -> openvino.Node:
    return op.multiply(pixels, np.float32(1))


NETWORKS: dict[str, Callable[[openvino.Node], openvino.Node]] = {
    "classification": _mean_colour,
    "detection": _one_object,
    "segmentation": _each_pixel,
}
