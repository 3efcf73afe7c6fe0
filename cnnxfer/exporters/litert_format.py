"""Writes LiteRT's form of a network, which TensorFlow Lite's was called."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cnnxfer.exporters.formats import Target
from cnnxfer.exporters.keras_format import save_for_tensorflow
from cnnxfer.exporters.network_files import NetworkFiles
from cnnxfer.keras_backend import import_tensorflow_quietly
from cnnxfer.quiet import quiet_libraries


def write_litert(files: NetworkFiles, target: Target) -> None:
    """Writes a `.tflite` file; pixels and outputs are float32 in any precision."""
    model = files.keras_model
    import_tensorflow_quietly()
    import tensorflow as tf

    with TemporaryDirectory() as folder:
        # From a Keras model itself, the ends would be called after its layers.
        save_for_tensorflow(model, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if target.precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if target.precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if target.precision == "int8":
            pixels = target.calibration()

            def pictures() -> Iterator[list[np.ndarray]]:
                for picture in pixels:
                    yield [picture[None].astype(np.float32)]

            converter.representative_dataset = pictures
        with quiet_libraries():
            content = converter.convert()
    target.path.write_bytes(content)
