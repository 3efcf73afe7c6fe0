"""How fast `cnnxfer predict` answers for many photographs, beside the textbook.

Whole processes: the textbook's loop one picture at a time and in batches of 32, whose
seconds for all pictures follow from those for some; `cnnxfer predict` with an empty
cache, and again with the cache that this left. Then the share of the limit that the
decoder alone and the engine alone set, which is reached in a process that goes on.

5 minutes for ResNet50, 10 for Xception and for VGG16, 2 for EfficientNet-Lite0.
Backbones have ImageNet weights where this machine has them, else random ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.lib.options import add_backbones, add_rounds
from bench.lib.photographs import find_photographs, write_links
from bench.lib.results import Cell, Table, show
from bench.predict.commands import PredictCommand, Textbook, run_textbook

BATCH = 32


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "resnet50", "xception", "vgg16", "efficientnet-lite0")
    parser.add_argument("--images", type=int, default=1000, help="by default 1,000")
    parser.add_argument(
        "--textbook-batches",
        type=int,
        default=4,
        metavar="N",
        help=f"of {BATCH} pictures, two or more, that the textbook answers for; "
        "by default 4",
    )
    add_rounds(parser, 3)


def measure(options: argparse.Namespace) -> Table:
    """Measures each backbone."""
    rows: list[list[Cell]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        originals = find_photographs(folder / "originals")
        write_links(folder / "pictures", originals, options.images)
        for backbone in options.backbones:
            with TemporaryDirectory(dir=folder) as place:
                command = PredictCommand(Path(place), backbone)
                rows.append(_measure(command, folder / "pictures", options))
    kilobytes = sum(path.stat().st_size for path in originals) / len(originals) / 1e3
    return Table(
        f"Predicting {options.images:,} photographs",
        (
            "backbone",
            "textbook, s",
            "first use, s",
            "first use, times faster",
            "from then on, s",
            "from then on, times faster",
            f"times faster than a textbook in batches of {BATCH}",
            "engine alone, pictures a second",
            "share of the limit",
        ),
        rows,
        [
            f"JPEGs of {kilobytes:.0f} kB. The textbook's seconds are computed from "
            f"{options.textbook_batches * BATCH} pictures; from the second use on, "
            f"medians of {options.rounds} round(s)."
        ],
    )


def _measure(
    command: PredictCommand, pictures: Path, options: argparse.Namespace
) -> list[Cell]:
    # It loads the engine into this process, so it waits until others have run.
    from bench.predict.limit import measure_limit

    backbone, images = command.backbone, options.images
    some = options.textbook_batches * BATCH
    one_by_one = run_textbook(backbone, pictures, images=some)
    batches = run_textbook(backbone, pictures, images=some, batch=BATCH)
    first = command.run(pictures).wall_seconds
    limit = measure_limit(command, pictures, images, options.rounds)
    show(backbone, **vars(limit))
    textbook = _seconds(one_by_one, images, 1)
    later = images / limit.process
    return [
        backbone,
        textbook,
        first,
        textbook / first,
        later,
        textbook / later,
        _seconds(batches, images, BATCH) / later,
        limit.computing,
        limit.share,
    ]


def _seconds(textbook: Textbook, images: int, batch: int) -> float:
    """Returns what the whole process would take for all images."""
    startup = textbook.process.wall_seconds - textbook.loop_seconds
    # The first answer is slower: the network is traced.
    rest = textbook.loop_seconds - textbook.first_seconds
    more = (images - batch) * rest / (textbook.images - batch)
    return startup + textbook.first_seconds + more
