"""How fast and how good the frozen phase is, beside the textbook's.

    python scripts/bench/frozen.py --points 1 --backbones xception resnet50
    python scripts/bench/frozen.py --out frozen.jsonl

Point by point, with how long it takes on two cores:

1  Whole trainings on random weights: textbook, cnnxfer with an empty cache, and with
   a warm one. Xception takes 18 minutes, ResNet50 15, most of it the textbook's.
2  Accuracy on ImageNet weights, of the textbook and by number of views: 5 minutes of
   textbook a seed, 3 of cnnxfer.
3  Images a second from JPEGs to features, against decoding and engine alone: a minute
   a backbone.
4  Networks cut at a block: whole against halves, and activations of four views: 3
   minutes.
5  Peak of memory with 1,000 and 20,000 images: 3 minutes.

Points 1, 2 and 4 read tf_flowers; set TFDS_DATA_DIR to where it is prepared, or it is
downloaded. Where `CNNXFER_SHARED`, or the folder `shared` beside the repository, has
it, that is taken, and photographs and the textbook's own script too. Everything is
written to temporary folders (TMPDIR), about 1 GB of them. Let the machine rest
meanwhile.
"""

from __future__ import annotations

import argparse
import os
from tempfile import TemporaryDirectory

from memory import measure_memory
from options import describe_machine, options_parser
from photographs import shared_dir
from race import compare_views, race
from results import Results

from cnnxfer.quiet import import_tensorflow_quietly

POINTS = (1, 2, 3, 4, 5)
RACED = ("xception", "resnet50")
PRETRAINED = ("efficientnet-lite0",)
FED = ("resnet50", "xception", "efficientnet-lite0")
CUT = ("efficientnet-lite0", "mobilenet-0.25", "resnet50", "xception")


def main() -> None:
    """Measures what the options ask for."""
    options = _options()
    results = Results(options.out)
    results.add("machine", describe_machine())
    shared = shared_dir()
    if shared:
        os.environ.setdefault("TFDS_DATA_DIR", str(shared / "data" / "tfds"))
    if 1 in options.points:
        backbones = options.backbones or RACED
        race(results, backbones, epochs=options.epochs, repeat=options.repeat)
    if 2 in options.points:
        backbones = options.backbones or PRETRAINED
        compare_views(results, backbones, epochs=options.epochs, seeds=options.seeds)
    if 5 in options.points:
        measure_memory(results)
    # Last, as they load TensorFlow into this process: see `run_process`.
    if {3, 4} & set(options.points):
        with TemporaryDirectory() as folder:
            os.environ["CNNXFER_CACHE"] = folder
            _measure_here(options, results)


def _measure_here(options: argparse.Namespace, results: Results) -> None:
    import_tensorflow_quietly()
    from cutting import compare_halves, time_activations
    from throughput import measure_throughput

    if 3 in options.points:
        measure_throughput(results, options.backbones or FED)
    if 4 in options.points:
        compare_halves(results, options.backbones or CUT)
        time_activations(results)


def _options() -> argparse.Namespace:
    parser = options_parser(__doc__, POINTS)
    parser.add_argument(
        "--epochs", type=int, default=5, help="of the textbook, points 1 and 2"
    )
    parser.add_argument("--repeat", type=int, default=1, help="of point 1, for medians")
    parser.add_argument("--seeds", type=int, default=3, help="of point 2")
    return parser.parse_args()


if __name__ == "__main__":
    main()
