"""Writes cnnxfer/engines/known_answers.npz: what Keras answers with published weights.

python scripts/write_known_answers.py

It takes the backbones whose ImageNet weights this machine has.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights
from cnnxfer.engines import known_answers
from cnnxfer.engines.keras_engine import KerasEngine, computes_on_cpu
from cnnxfer.engines.trial import answer_all
from cnnxfer.keras_backend import import_keras_quietly
from cnnxfer.prediction.model_source import imagenet_model
from cnnxfer.reporting import SilentReporter

PATH = Path(__file__).parents[1] / "cnnxfer" / "engines" / known_answers.FILE


def main() -> None:
    """Writes the file."""
    import_keras_quietly()
    import keras

    if keras.backend.backend() != "tensorflow" or not computes_on_cpu():
        raise SystemExit("expected Keras on TensorFlow, on a CPU.")
    answers = {}
    for backbone in BACKBONES:
        if find_weights(backbone, include_top=True):
            network = imagenet_model(backbone).network(SilentReporter())
            images = known_answers.formula_images(network.image_size)
            answers[network.key] = answer_all(KerasEngine(network.build()), images)
            print(backbone.name, answers[network.key].max(axis=1))
    np.savez_compressed(PATH, **answers)


if __name__ == "__main__":
    main()
