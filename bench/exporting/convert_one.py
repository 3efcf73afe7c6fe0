"""Converts a network without TensorFlow, and compares it with Keras.

    python -m bench.exporting.convert_one BACKBONE

It prints one line of JSON. The network has random weights, is as large as published,
and is told apart from a constant by the statistics of photographs.
"""

from __future__ import annotations

import json
import resource
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.exporting.random_run import settle
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.engines.conversion.conversion import Conversion, ConversionFailed
from cnnxfer.engines.conversion.write import load_saved
from cnnxfer.engines.known_answers import formula_images
from cnnxfer.keras_backend import import_keras_quietly

CLASSES = 5


def main(name: str) -> None:
    """Prints how a network was converted: why not, seconds, the largest difference."""
    import_keras_quietly()
    import keras

    from cnnxfer.engines.openvino_engine import OpenVinoEngine
    from cnnxfer.networks.classifier import build_classifier

    keras.utils.set_random_seed(0)
    backbone = BACKBONES.get(name)
    images = formula_images(backbone.image_size)
    model = build_classifier(
        backbone, image_size=backbone.image_size, num_classes=CLASSES, dropout=0.0
    )
    settle(
        model, np.concatenate([images, images[:, ::-1], images.transpose(0, 2, 1, 3)])
    )
    expected = np.asarray(model(images, training=False))
    found: dict[str, object] = {"pixels": backbone.image_size, "problem": ""}
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.xml")
        saved = path.with_name("model.keras")
        model.save(saved)
        build = partial(load_saved, saved)
        try:
            with Conversion(build, path, is_tried=True) as conversion:
                conversion.wait()
        except ConversionFailed as error:
            found["problem"] = str(error)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        found["seconds"] = used.ru_utime + used.ru_stime
        if not found["problem"]:
            engine = OpenVinoEngine(path.parent, "float32")
            (answers,) = engine.run([images])
            apart = np.abs(answers - expected).max() / np.abs(expected).max()
            found["difference"] = float(apart)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
