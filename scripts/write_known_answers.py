"""Writes cnnxfer/engines/known_answers.npz: what Keras answers with published weights.

python scripts/write_known_answers.py

It takes the backbones whose ImageNet weights this machine has. Answers of the others
are kept, if their file had them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights
from cnnxfer.engines import known_answers
from cnnxfer.engines.keras_engine import KerasEngine
from cnnxfer.engines.trial import answer_all
from cnnxfer.prediction.model_source import imagenet_model
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import SilentReporter

PATH = Path(__file__).parents[1] / "cnnxfer" / "engines" / known_answers.FILE


def main() -> None:
    """Writes the file."""
    import_tensorflow_quietly()
    answers = dict(np.load(PATH)) if PATH.exists() else {}
    for backbone in BACKBONES:
        if find_weights(backbone, include_top=True):
            network = imagenet_model(backbone).network(SilentReporter())
            images = known_answers.formula_images(network.image_size)
            answers[network.key] = answer_all(KerasEngine(network.build()), images)
            print(backbone.name, answers[network.key].max(axis=1))
    np.savez_compressed(PATH, **answers)


if __name__ == "__main__":
    main()
