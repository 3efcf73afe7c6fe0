"""Writes what Keras itself can write: its own file, and TensorFlow's SavedModel."""

from pathlib import Path

import keras

from cnnxfer.exporters.formats import INPUT, OUTPUT, Target
from cnnxfer.exporters.network_files import NetworkFiles
from cnnxfer.networks.saving import save_model
from cnnxfer.quiet import quiet_libraries


def write_keras(files: NetworkFiles, target: Target) -> None:
    """Writes a `.keras` file."""
    save_model(files.keras_model, target.path, target.description)


def write_saved_model(files: NetworkFiles, target: Target) -> None:
    """Writes a SavedModel."""
    save_for_tensorflow(files.keras_model, target.path)


def save_for_tensorflow(model: keras.Model, folder: Path) -> None:
    """Writes a SavedModel whose one signature takes pixels and returns outputs."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda pixels: {OUTPUT: model(pixels, training=False)},
        [keras.InputSpec(shape=model.input_shape, dtype="float32", name=INPUT)],
    )
    with quiet_libraries():
        archive.write_out(str(folder), verbose=False)
