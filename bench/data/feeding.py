"""How fast cnnxfer feeds a training with pictures, beside Keras and torch's manner.

    python scripts/bench/pipeline.py --points 1
    python scripts/bench/pipeline.py --out pipeline.jsonl

Point by point, with how long it takes on two cores:

1  Images a second at `--augment textbook`, against what `feeders.py` describes: Keras's
   `image_dataset_from_directory` with random layers, and worker processes as those of
   torch's `DataLoader`. JPEGs of 500x375, and tf_flowers. In turn, so that ratios are
   of one round; the medians of the rounds: 9 minutes.
2  Images a second at every level: 2.5 minutes.
3  Where the time of a view goes, on one core: decoding, resizing: half a minute.

Point 1 reads tf_flowers; set TFDS_DATA_DIR to where it is prepared, or it is
downloaded. Where `CNNXFER_SHARED`, or the folder `shared` beside the repository, has
it, that is taken, and photographs too. Everything is written to temporary folders
(TMPDIR), about 0.2 GB of them. Let the machine rest meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from options import describe_machine, options_parser
from photographs import shared_dir, write_photographs
from processes import run_process
from results import Results, Row

from cnnxfer.config import PRESETS, Config
from cnnxfer.data.dataset import Example
from cnnxfer.data.decode import open_image, to_rgb
from cnnxfer.data.geometry import square_box, view
from cnnxfer.data.loader import Loader
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.views import training_views
from cnnxfer.files import file_hash
from cnnxfer.reporting import Reporter

POINTS = (1, 2, 3)
IMAGES = 960  # whole batches
SIZE = (500, 375)  # that of most of ImageNet's
SEEN = 224
LEVELS = ("none", "textbook", "light", "strong")
RACED = ("cnnxfer textbook", "cnnxfer-anew", "keras", "keras-cached", "torch")
OTHERS = ("keras", "torch")  # that decode in every epoch, as cnnxfer's first one does


def main() -> None:
    """Measures what the options ask for."""
    options = _options()
    results = Results(options.out)
    results.add("machine", describe_machine())
    shared = shared_dir()
    if shared:
        os.environ.setdefault("TFDS_DATA_DIR", str(shared / "data" / "tfds"))
    with TemporaryDirectory() as name:
        folder = Path(name)
        photographs = write_folder(folder / "photographs", photograph_files(folder))
        if 1 in options.points:
            flowers = write_folder(folder / "flowers", flower_files(folder))
            for title, pictures in (("500x375", photographs), ("tf_flowers", flowers)):
                race(results, title, pictures, options.rounds, options.epochs)
        if 2 in options.points:
            compare_levels(results, photographs, options.rounds, options.epochs)
        if 3 in options.points:
            divide_time(results, photographs)


def photograph_files(folder: Path) -> list[Path]:
    """Writes JPEGs of 500x375 pixels."""
    (folder / "originals").mkdir()
    return write_photographs(folder / "originals", 100, SIZE)


def flower_files(folder: Path) -> list[Path]:
    """Writes the first pictures of tf_flowers, as they are."""
    paths = []
    (folder / "tf").mkdir()
    for number, example in enumerate(
        list_dataset("tf_flowers", Reporter()).examples[:IMAGES]
    ):
        paths.append(folder / "tf" / f"{number:04d}.jpg")
        paths[-1].write_bytes(example.read())
    return paths


def write_folder(folder: Path, originals: Sequence[Path]) -> Path:
    """Makes a folder of two classes, each of half of the images: copies, in turn."""
    for number, path in enumerate(islice(cycle(originals), IMAGES)):
        target = folder / "ab"[number % 2] / f"{number:04d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder


@dataclass(frozen=True)
class Fed:
    """Images a second of a feeder: of its first epoch, and the median of the others."""

    first: float
    later: float


def feed(feeder: str, folder: Path, epochs: int) -> Fed:
    """Runs a feeder in a process of its own."""
    script = Path(__file__).with_name("feeders.py")
    command = [sys.executable, str(script), feeder, str(folder)]
    found = json.loads(run_process([*command, "--epochs", str(epochs)]).output)
    first, *later = (found["images"] / seconds for seconds in found["seconds"])
    return Fed(first, median(later))


def race(results: Results, title: str, folder: Path, rounds: int, epochs: int) -> None:
    """Compares all feeders, several times in turn.

    Args:
        results: where the figures go.
        title: of the pictures.
        folder: where they are.
        rounds: how often all is done.
        epochs: of each feeder, at least two.
    """
    found: list[dict[str, Fed]] = []
    for number in range(rounds):
        found.append({})
        for feeder in RACED:
            fed = found[-1][feeder] = feed(feeder, folder, epochs)
            row = {"pictures": title, "round": number, "feeder": feeder}
            results.add("feeding", {**row, "first": fed.first, "later": fed.later})
    table: list[Row] = [
        {
            "feeder": feeder,
            "first epoch": median(fed[feeder].first for fed in found),
            "later epochs": median(fed[feeder].later for fed in found),
            "first ratio": median(fed[feeder].first / _best(fed) for fed in found),
            "later ratio": median(fed[feeder].later / _best(fed) for fed in found),
        }
        for feeder in RACED
    ]
    results.table(
        f"1. Images a second at 224 pixels, {IMAGES} JPEGs, {title}; median of "
        f"{rounds} rounds of {epochs} epochs.\nRatios: to the later epochs of the "
        f"faster one of {' and '.join(OTHERS)}.",
        table,
    )


def _best(fed: dict[str, Fed]) -> float:
    return max(fed[feeder].later for feeder in OTHERS)


def compare_levels(results: Results, folder: Path, rounds: int, epochs: int) -> None:
    """Compares cnnxfer's levels of augmentation, several times in turn."""
    found = [
        {level: feed(f"cnnxfer {level}", folder, epochs) for level in LEVELS}
        for _ in range(rounds)
    ]
    table: list[Row] = []
    for level in LEVELS:
        table.append(
            {
                "level": level,
                "first epoch": median(fed[level].first for fed in found),
                "later epochs": median(fed[level].later for fed in found),
            }
        )
        results.add("level", table[-1])
    results.table(
        f"2. Images a second at 224 pixels by level, {IMAGES} JPEGs of 500x375; median "
        f"of {rounds} rounds of {epochs} epochs.",
        table,
    )


def divide_time(results: Results, folder: Path, repeat: int = 7) -> None:
    """Times what a view is made of, on one core: the best of several times."""
    paths = sorted(folder.rglob("*.jpg"))[:128]
    contents = [path.read_bytes() for path in paths]
    images = [to_rgb(open_image(content)) for content in contents]
    box = square_box(*SIZE, 0.9, 0.3, 0.3)
    examples = [
        Example(str(path), (0,), None, path, sha256=file_hash(path)) for path in paths
    ]
    views = training_views(Config(augment=PRESETS["textbook"]), 0)
    everything = Loader(examples, SEEN, keep_bytes=0)
    kept = Loader(examples, SEEN)
    indices = range(len(examples))
    kept.batch(indices, views)
    works: dict[str, Callable[[], object]] = {
        "decoding": lambda: [to_rgb(open_image(content)) for content in contents],
        "resizing": lambda: [view(image, box, SEEN) for image in images],
        "a batch, per image": lambda: everything.batch(indices, views),
        "the same, kept": lambda: kept.batch(indices, views),
    }
    table: list[Row] = []
    for what, work in works.items():
        seconds = []
        for _ in range(repeat):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
        table.append({"what": what, "milliseconds": 1e3 * min(seconds) / len(paths)})
        results.add("part", table[-1])
    results.table("3. A textbook view of a JPEG of 500x375, on one core.", table)


def _options() -> argparse.Namespace:
    parser = options_parser(__doc__, POINTS)
    parser.add_argument("--rounds", type=int, default=5, help="for medians")
    parser.add_argument("--epochs", type=int, default=4, help="of each feeder")
    options = parser.parse_args()
    if options.epochs < 2:
        parser.error("--epochs must be 2 or more")
    return options


if __name__ == "__main__":
    main()
