"""Point 5: whether the peak of memory grows with the number of images."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from contenders import Place
from photographs import write_photographs
from results import Results

NUMBERS = (1_000, 20_000)
CLASSES = 5
SIZE = (160, 120)


def measure_memory(results: Results) -> None:
    """Trains on folders of 1,000 and 20,000 small images, each time in a new process.

    MobileNet 0.25 at 96 pixels, random weights, an empty cache. No two files are the
    same: each has a comment of its own, so none is taken for a copy.
    """
    rows = []
    for number in NUMBERS:
        with TemporaryDirectory() as folder:
            place = Path(folder)
            _write_images(place / "images", number)
            options = ["--data", str(place / "images"), "--image-size", "96"]
            options += ["--backbone", "mobilenet-0.25", "--weights", "none"]
            process = Place(place).train(*options).process
        rows.append(
            {
                "images": number,
                "wall_seconds": process.wall_seconds,
                "cpu_seconds": process.cpu_seconds,
                "peak_mb": process.peak_mb,
            }
        )
        results.add("memory", rows[-1])
    growth = rows[1]["peak_mb"] - rows[0]["peak_mb"]
    results.table(
        "5. Peak of `cnnxfer train`, mobilenet-0.25 at 96 pixels, empty cache: "
        f"{growth:+.0f} MB, {growth * 1000 / (NUMBERS[1] - NUMBERS[0]):.2f} kB an "
        "image more.",
        rows,
    )


def _write_images(folder: Path, number: int) -> None:
    originals = folder.with_name("originals")
    originals.mkdir()
    contents = [path.read_bytes() for path in write_photographs(originals, 200, SIZE)]
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
    for i, content in enumerate(islice(cycle(contents), number)):
        path = folder / f"class{i % CLASSES}" / f"{i:05d}.jpg"
        path.write_bytes(_with_comment(content, str(i)))


def _with_comment(jpeg: bytes, text: str) -> bytes:
    """Adds a comment behind the marker that every JPEG begins with."""
    comment = text.encode()
    segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment
    return jpeg[:2] + segment + jpeg[2:]
