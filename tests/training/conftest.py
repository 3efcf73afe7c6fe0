from collections.abc import Callable
from pathlib import Path

import pytest

import cnnxfer
from cnnxfer.runs import Run

BACKBONE = "mobilenet-0.25"
IMAGE_SIZE = 64


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
