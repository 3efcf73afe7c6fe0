"""Writes a network in OpenVINO's format, by the fastest way that works."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.engines.conversion.conversion import Conversion, ConversionFailed
from cnnxfer.engines.engine import Network
from cnnxfer.engines.openvino_engine import FILES
from cnnxfer.errors import first_line
from cnnxfer.registry import load_object
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    import keras

SAVED = "model.keras"  # of a model that was built here
# A process takes 1.5 seconds, TensorFlow's way 10 to 25 ms a layer.
MANY_LAYERS = 64


def write_network(
    network: Network,
    model: Callable[[], keras.Model],
    meanwhile: Callable[[], None],
    reporter: Reporter,
    directory: Path,
) -> None:
    """Writes a network into a directory.

    A process of its own does it, in which Keras computes with OpenVINO. If that fails,
    or the network is so small that starting a process takes longer, it goes through
    TensorFlow, or whatever computes for Keras here.

    Args:
        network: the network.
        model: returns its model in this process, if need be.
        meanwhile: what may be done while another process works.
        reporter: told if the first way fails.
        directory: where `FILES` are written to.

    Raises:
        Exception: of many kinds, if OpenVINO does not support all of the model's
            operations, or the directory cannot be written.
    """
    path = directory / FILES[0]
    is_known = network.known_answers is not None
    # Published networks have been tried; their known answers are compared here.
    is_tried = is_known and network.kept_answers is None
    try:
        if network.portable and (is_known or "keras" not in sys.modules):
            _write_elsewhere(network.build, path, meanwhile, is_tried=not is_tried)
            return
        if _count_layers(model()) >= MANY_LAYERS:
            _write_saved_elsewhere(model(), path, meanwhile)
            return
    except ConversionFailed as error:
        reporter.info(f"converting it with Keras here, since elsewhere: {error}")
        for file in directory.iterdir():
            file.unlink()
    model().export(str(path), format="openvino", verbose=False)


def _write_elsewhere(
    build: Callable[[], keras.Model],
    path: Path,
    meanwhile: Callable[[], None],
    *,
    is_tried: bool,
) -> None:
    with Conversion(build, path, is_tried=is_tried) as conversion:
        meanwhile()
        conversion.wait()


def _write_saved_elsewhere(
    model: keras.Model, path: Path, meanwhile: Callable[[], None]
) -> None:
    saved = path.with_name(SAVED)
    try:
        model.save(saved)
    except Exception as error:  # of a layer that only this process knows
        raise ConversionFailed(first_line(error)) from error
    try:
        _write_elsewhere(partial(load_saved, saved), path, meanwhile, is_tried=True)
    finally:
        saved.unlink()


def _count_layers(model: keras.Model) -> int:
    return sum(len(getattr(layer, "layers", [layer])) for layer in model.layers)


def load_saved(path: Path) -> keras.Model:
    """Returns a model from a `.keras` file that this process's parent has written."""
    import keras

    from cnnxfer.tasks.own_layers import HEAD_LAYERS

    for layers in (HEAD_LAYERS, *(backbone.layers for backbone in BACKBONES)):
        for layer in layers:
            load_object(layer)  # which makes Keras know it
    return keras.saving.load_model(path, compile=False)
