"""How fast and how sure `cnnxfer predict` is, beside the textbook's loop.

    python scripts/bench/predict.py --points 1 --backbones resnet50 xception
    python scripts/bench/predict.py --out predict.jsonl

Point by point, with how long it takes on two cores:

1  Images a second of whole processes: the textbook's loop (`textbook_predict.py`) one
   by one and in batches of 32, cnnxfer with an empty cache and with a warm one; and
   against the limit that decoding and engine alone set: 5 minutes for ResNet50, 10 for
   Xception and for VGG16, 2 for EfficientNet-Lite0.
2  One picture: seconds and memory of whole processes, and whether TensorFlow was
   imported: 1 minute a backbone.
3  Accuracy in float32 and bfloat16 on a hundred photographs: half a minute a backbone.
4  Peak of memory with 1,000, 10,000 and 50,000 images, whether the output is complete
   and in order, and whether a process that was killed goes on where it was: 3 minutes.

Backbones have ImageNet weights where this machine has them, else random ones. Where
`CNNXFER_SHARED`, or the folder `shared` beside the repository, has photographs and
weights, those are taken; point 3 needs it. Everything is written to temporary folders
(TMPDIR), about 2 GB of them. Let the machine rest meanwhile.
"""

from __future__ import annotations

import argparse

from huge_pile import rank_huge_pile
from one_picture import time_one_picture
from options import describe_machine, options_parser
from rankers import lend_weights
from ranking_accuracy import measure_accuracy
from ranking_race import BATCH, race_ranking
from results import Results

POINTS = (1, 2, 3, 4)
RACED = ("resnet50", "xception", "vgg16", "efficientnet-lite0")
ALONE = ("efficientnet-lite0", "resnet50")
PRETRAINED = ("efficientnet-lite0",)
SMALL = ("mobilenet-0.25",)


def main() -> None:
    """Measures what the options ask for."""
    options = _options()
    results = Results(options.out)
    results.add("machine", describe_machine())
    with lend_weights():
        _measure(options, results)


def _measure(options: argparse.Namespace, results: Results) -> None:
    if 2 in options.points:
        backbones = options.backbones or ALONE
        time_one_picture(results, backbones, repeat=options.repeat)
    if 3 in options.points:
        measure_accuracy(results, options.backbones or PRETRAINED)
    if 4 in options.points:
        for backbone in options.backbones or SMALL:
            rank_huge_pile(results, backbone, options.pile)
    # Last, as it loads the engine into this process: see `run_process`.
    if 1 in options.points:
        race_ranking(
            results,
            options.backbones or RACED,
            images=options.images,
            textbook_images=options.textbook_images,
            rounds=options.rounds,
        )


def _options() -> argparse.Namespace:
    parser = options_parser(__doc__, POINTS)
    parser.add_argument("--images", type=int, default=1000, help="of point 1")
    parser.add_argument(
        "--textbook-images", type=int, default=128, help="of the textbook, point 1"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of point 1, for medians")
    parser.add_argument("--repeat", type=int, default=5, help="of point 2, for medians")
    parser.add_argument("--pile", type=int, default=50_000, help="images of point 4")
    options = parser.parse_args()
    # What the textbook takes for all images follows from whole batches after the first.
    if options.textbook_images % BATCH or options.textbook_images < 2 * BATCH:
        parser.error(f"--textbook-images must be {2 * BATCH} or more, whole {BATCH}s")
    if options.images < options.textbook_images:
        parser.error("--images must not be fewer than --textbook-images")
    return options


if __name__ == "__main__":
    main()
