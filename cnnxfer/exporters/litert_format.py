"""Writes LiteRT's form of a network, which TensorFlow Lite's was called."""

from collections.abc import Iterator

import numpy as np

from cnnxfer.exporters.formats import Target
from cnnxfer.exporters.network_files import NetworkFiles
from cnnxfer.quiet import import_tensorflow_quietly, quiet_libraries


def write_litert(files: NetworkFiles, target: Target) -> None:
    """Writes a `.tflite` file; pixels and outputs are float32 in any precision."""
    model = files.keras_model
    import_tensorflow_quietly()
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
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
