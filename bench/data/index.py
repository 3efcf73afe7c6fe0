"""How fast the images of a data set are read, beside what decoding alone takes.

    python scripts/bench/index.py --images 2000
    python scripts/bench/index.py --out index.jsonl

Each round takes an empty cache: decoding alone on all cores, by Pillow at the scale
that the index takes, in processes of their own; the index, which also hashes and looks
at them; and the index again, of unchanged files. 20,000 photographs take 2 minutes a
round on two cores. They lie in 200 folders, and no two files are the same. Where
`CNNXFER_SHARED`, or the folder `shared` beside the repository, has ImageNet's, those
are copied, else drawn ones. Everything is written to temporary folders (TMPDIR), about
2 GB of it; whether that is a fast disk hardly matters, as files that were just written
are in memory. Let the machine rest meanwhile.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image
from piles import photographs
from processes import Finished, run_process
from results import Results, Row

from cnnxfer.data.dataset import read_bytes
from cnnxfer.data.decoders import WORKERS
from cnnxfer.data.geometry import reduction
from cnnxfer.data.perceptual_hash import SAMPLES
from cnnxfer.machine.processor import find_processor

CLASSES, FOLDERS = 20, 10  # of each class
# Reads the index twice, the second time as the next command would.
INDEX = """
import json, sys, time
from cnnxfer.data.index import build_index
from cnnxfer.data.sources import load_dataset
from cnnxfer.reporting import Reporter
examples = load_dataset(sys.argv[1], Reporter()).examples
started = time.perf_counter()
rows = build_index(examples, Reporter())
assert not any(row.problem for row in rows)
print(json.dumps([len(rows), time.perf_counter() - started]))
"""


def main() -> None:
    """Measures, and prints a table of the rounds' medians."""
    options = _options()
    results = Results(options.out)
    processor = find_processor()
    results.add(
        "machine",
        {"processor": processor.model, "logical_cores": processor.logical_cores},
    )
    rounds = []
    with TemporaryDirectory() as name:
        paths = write_images(Path(name), options.images)
        for _ in range(options.rounds):
            rounds.append(measure(Path(name), paths))
            results.add("index", rounds[-1])
    medians = {key: median(row[key] for row in rounds) for key in rounds[0]}
    results.table(
        f"Index of {len(paths)} JPEGs, {options.rounds} round(s); peak of the process.",
        [medians],
    )


def write_images(folder: Path, number: int) -> list[Path]:
    """Writes photographs into class folders, each with a few bytes of its own behind.

    Returns:
        Their paths.
    """
    contents = [path.read_bytes() for path in photographs(folder / "originals")]
    paths = []
    for i, content in enumerate(islice(cycle(contents), number)):
        place = folder / "images" / f"class{i % CLASSES}" / f"{i // CLASSES % FOLDERS}"
        place.mkdir(parents=True, exist_ok=True)
        paths.append(place / f"{i:06d}.jpg")
        paths[-1].write_bytes(content + i.to_bytes(4))
    return paths


def measure(folder: Path, paths: list[Path]) -> Row:
    """Measures a round with an empty cache."""
    with ProcessPoolExecutor(WORKERS) as processes:
        list(processes.map(_decode, paths[:100]))  # they start
        started = time.perf_counter()
        list(processes.map(_decode, paths, chunksize=64))
        decoding = time.perf_counter() - started
    with TemporaryDirectory() as cache:
        first, first_process = _index(folder, cache)
        second, second_process = _index(folder, cache)
    return {
        "images": len(paths),
        "decoding_per_second": len(paths) / decoding,
        "index_per_second": len(paths) / first,
        "share": decoding / first,
        "second_seconds": second,
        "second_share": second / first,
        "peak_mb": first_process.peak_mb,
        "second_peak_mb": second_process.peak_mb,
    }


def _index(folder: Path, cache: str) -> tuple[float, Finished]:
    process = run_process(
        [sys.executable, "-c", INDEX, os.fspath(folder / "images")],
        {"CNNXFER_CACHE": cache},
    )
    _, seconds = json.loads(process.output)
    return seconds, process


def _decode(path: Path) -> None:
    image = Image.open(io.BytesIO(read_bytes(path)))
    scale = reduction((0, 0, *image.size), SAMPLES)
    image.draft(None, (image.width // scale, image.height // scale))
    image.load()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3, help="for medians")
    parser.add_argument("--out", type=Path, help="a file for every figure, JSON lines")
    return parser.parse_args()


if __name__ == "__main__":
    main()
