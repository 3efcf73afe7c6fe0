from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import cnnxfer
from cnnxfer.backbones.build import build_backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.runs import Run

BACKBONE = "mobilenet-0.25"
IMAGE_SIZE = 64


@pytest.fixture(scope="session")
def noisy_photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 14 noisy pictures: hard enough that accuracies differ.

    A split of 60/20/20 gives 26, 10 and 6: batches of 8 leave a rest of two.
    """
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    colours = {"blue": (60, 80, 150), "green": (70, 140, 70), "red": (150, 70, 70)}
    for name, colour in colours.items():
        (root / name).mkdir()
        for index in range(14):
            noise = random.normal(0, 60, (72, 88, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="session")
def weights_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights whose BatchNormalization fits them, so that signals get through.

    With fresh ones, features are near 1e-17, and nothing would learn.
    """
    keras.utils.set_random_seed(0)
    network = build_backbone(BACKBONES.get(BACKBONE), image_size=IMAGE_SIZE)
    norms = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for norm in norms:
        norm.momentum = 0.0
    noise = np.random.default_rng(0).uniform(-1, 1, (32, IMAGE_SIZE, IMAGE_SIZE, 3))
    network(noise.astype(np.float32), training=True)
    path = tmp_path_factory.mktemp("weights") / "lively.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture(scope="session")
def train(noisy_photos_dir: Path, weights_path: Path) -> Callable[..., Run]:
    """Trains the small backbone on the photos, on the CPU; takes `train`'s settings.

    Every epoch sees new views, unless `cache=True`.
    """

    def train_small(runs_dir: Path, **settings: object) -> Run:
        settings = {
            "data": noisy_photos_dir,
            "weights": weights_path,
            "split": "60/20/20",
            "image_size": IMAGE_SIZE,
            "batch_size": 8,
            "epochs": 3,
            "lr": 0.01,
            "cache": False,
            "devices": "cpu",
            "precision": "float32",
            **settings,
        }
        return cnnxfer.train(BACKBONE, runs_dir=runs_dir, **settings)

    return train_small


@pytest.fixture(scope="session")
def parent(train: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a trained head; tests fine-tune it and leave it as it is."""
    return train(tmp_path_factory.mktemp("runs"))
