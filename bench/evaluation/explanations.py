"""How much of a heat map lies in the flower that a network names.

Each network learns to name flowers from labels alone. Then it answers pictures of
flowers with masks, and what is measured is the share of the heat of its answer that
lies in the flower's mask. A blob in the middle of what the network sees, and the same
heat everywhere, are what a map without any knowledge has: photographers put flowers
into the middle.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

import cnnxfer
from bench.lib.results import Cell, Table, show
from bench.lib.shared import shared_data
from bench.lib.trainings import Workplace
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.views.views import Square
from cnnxfer.evaluation.explanations.heat_maps import heat_maps
from cnnxfer.prediction.model_source import ModelSource, run_model
from cnnxfer.reporting import SilentReporter
from cnnxfer.runs import Run, list_runs

# The options of `cnnxfer train`, by the backbone. Those without published weights on
# every machine learn from scratch in small pictures, for a minute or two.
SCRATCH = ("--from-scratch", "--epochs")
NETWORKS = {
    "mobilenet-0.25": (),
    "efficientnet-lite0": (),
    "resnet20": (*SCRATCH, "20"),
    "depth-pooling": (*SCRATCH, "20"),
    "alexnet-owt": (*SCRATCH, "15", "--image-size", "96"),
}
FLOWER, NO_CLASS = 1, (0, 5)  # values of the masks
EVERY = {"grad-cam": 8, "score-cam": 48}  # of the pictures, in order of their names
BLOB = 0.25  # its standard deviation, as a share of the side of the view
Z = 1.96  # standard errors of a 95% interval


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument(
        "--networks",
        nargs="+",
        choices=NETWORKS,
        default=tuple(NETWORKS),
        metavar="NAME",
        help="by default all",
    )
    parser.add_argument(
        "--kept", type=Path, help="a folder of runs, which are trained once"
    )


def measure(options: argparse.Namespace) -> Table:
    """Trains each network on flowers, and measures where its heat lies."""
    with TemporaryDirectory() as folder:
        place = Workplace(options.kept or Path(folder))
        rows = [_row(name, place) for name in options.networks]
    return Table(
        "The share of heat that lies in the flower",
        (
            "network",
            "weights",
            "test accuracy",
            "Grad-CAM",
            "hottest place in it",
            "Score-CAM",
            "centred blob",
            "same everywhere",
        ),
        rows,
        [
            "Networks learned the 12 classes of flowers12; the masks are those of "
            "flowers17, whose pictures may be among those that were learned from. What "
            "is explained is the answer, right or wrong.",
            f"Means over every {EVERY['grad-cam']}th picture with their 95% intervals, "
            f"and over every {EVERY['score-cam']}th with Score-CAM, of the pixels that "
            "are of a class in the mask. Blob and uniform heat cover what the network "
            "is shown, as its own heat does.",
        ],
    )


def _row(name: str, place: Workplace) -> list[Cell]:
    run = _trained(name, place)
    accuracy = place.run("evaluate", str(run.path)).document["top1"]
    model = run_model(run)
    shares = {method: _shares(model, run, method) for method in EVERY}
    cells = {
        "grad": _mean(shares["grad-cam"][:, 0]),
        "hottest": _mean(shares["grad-cam"][:, 1]),
        "score": _mean(shares["score-cam"][:, 0]),
        "blob": _mean(shares["grad-cam"][:, 2]),
        "uniform": _mean(shares["grad-cam"][:, 3]),
    }
    show(name, accuracy=accuracy["value"], **cells)
    weights = (
        f"{run.config.image_size} px, from scratch" if NETWORKS[name] else "ImageNet"
    )
    return [name, weights, accuracy["value"], *cells.values()]


def _trained(name: str, place: Workplace) -> Run:
    """Returns a run of the network, which is trained unless there is one."""
    directory = place.folder / "runs"
    known = list_runs(directory) if directory.is_dir() else []
    for run in known:
        if run.config.backbone == name and run.receipt.get("status") == "done":
            return run
    data = str(shared_data("flowers12"))
    trained = place.run("train", data, "--backbone", name, *NETWORKS[name])
    return Run(Path(trained.document["run"]))


def _shares(model: ModelSource, run: Run, method: str) -> np.ndarray:
    """Returns figures of each picture, `(pictures, 4)`.

    They are the shares of its heat, of the hottest place (0 or 1), of a blob and of
    uniform heat that lie in the flower. Pictures without a flower, or without heat,
    have none.
    """
    root = shared_data("masks/flowers17")
    files = sorted((root / "images").iterdir())[:: EVERY[method]]
    names = [label for _, label in model.classes]
    answers = cnnxfer.predict(files, model=run, engine="keras", reporter=None)
    labels = [names.index(answer.label) for answer in answers]
    examples = [Example(file.name, Labels((0,)), None, file) for file in files]
    side = max(max(Image.open(file).size) for file in files)
    maps = heat_maps(
        model, examples, labels, method, side=side, reporter=SilentReporter()
    )
    found = []
    for file, heat in zip(files, maps, strict=True):
        assert heat is not None
        (path,) = (root / "masks").glob(f"{file.stem}.*")
        mask = np.asarray(Image.open(path))
        known = ~np.isin(mask, NO_CLASS)
        blob, uniform = _without_knowledge(model, heat.shape)
        within = [_share(each, mask == FLOWER, known) for each in (heat, blob, uniform)]
        hottest = float((mask == FLOWER).flat[np.argmax(heat * known)])
        if heat.any() and within[2]:
            found.append([within[0], hottest, *within[1:]])
    return np.array(found)


def _without_knowledge(
    model: ModelSource, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a blob and uniform heat where a model sees a picture of a shape."""
    height, width = shape
    place = Square(model.fraction, fit=model.fit).geometry(width, height, 1)
    rows, columns = np.mgrid[:height, :width] + 0.5
    points = np.stack([columns.ravel(), rows.ravel()], axis=1)
    offsets = place.to_view(points) - 0.5  # in sides of the view, from its middle
    seen = (np.abs(offsets) <= 0.5).all(axis=1)
    blob = np.exp(-(offsets**2).sum(axis=1) / (2 * BLOB**2)) * seen
    return blob.reshape(shape), seen.reshape(shape).astype(float)


def _share(heat: np.ndarray, flower: np.ndarray, known: np.ndarray) -> float:
    total = float((heat * known).sum())
    return float((heat * flower).sum()) / total if total else 0.0


def _mean(shares: Sequence[float] | np.ndarray) -> str:
    values = np.asarray(shares)
    error = Z * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} ± {error:.3f}"
