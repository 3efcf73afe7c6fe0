"""How good and how fast fine-tuning is, beside the textbook's.

    python scripts/bench/finetune.py --points 1 --contenders fast best --out tuned.jsonl
    python scripts/bench/finetune.py --points 2 --backbones mobilenet-0.25

Point by point, with how long it takes on two cores:

1  Both phases, from an empty cache to the tuned model, in whole processes: the
   textbook's script and `cnnxfer train --recipe R --fine-tune`, tf_flowers in slices.
   A seed of EfficientNet-Lite0 takes about 45 minutes of the textbook's script, 25 of
   the recipe textbook, 5 of fast and 10 of best; of MobileNet 0.25, 8, 5, 2 and 4.
2  What chose the defaults: `cnnxfer unfreeze` with other options on one frozen run,
   which leaves the test images alone. EfficientNet-Lite0 takes an hour and a half a
   seed, 30 minutes of it `--all`; MobileNet 0.25 fifteen minutes.

Both read tf_flowers; set TFDS_DATA_DIR to where it is prepared, or it is downloaded.
The folder `shared` (CNNXFER_SHARED) is taken where there is one. Everything is written
to temporary folders (TMPDIR), up to 3 GB of them. Let the machine rest meanwhile.
"""

from __future__ import annotations

import argparse
import os

from options import describe_machine, options_parser
from photographs import shared_dir
from results import Results
from tuning import CONTENDERS, compare_contenders, compare_options

POINTS = (1, 2)
BACKBONES = ("efficientnet-lite0", "mobilenet-0.25")


def main() -> None:
    """Measures what the options ask for."""
    options = _options()
    results = Results(options.out)
    results.add("machine", describe_machine())
    shared = shared_dir()
    if shared:
        os.environ.setdefault("TFDS_DATA_DIR", str(shared / "data" / "tfds"))
    backbones = options.backbones or BACKBONES
    if 1 in options.points:
        compare_contenders(
            results,
            backbones,
            options.contenders,
            seeds=options.seeds,
            tune_epochs=options.tune_epochs,
        )
    if 2 in options.points:
        compare_options(results, backbones, seeds=options.seeds)


def _options() -> argparse.Namespace:
    parser = options_parser(__doc__, POINTS)
    parser.add_argument(
        "--contenders",
        nargs="+",
        choices=CONTENDERS,
        default=CONTENDERS,
        metavar="NAME",
        help=f"of point 1: {', '.join(CONTENDERS)}",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED"
    )
    parser.add_argument(
        "--tune-epochs",
        type=int,
        default=10,
        help="of the textbook's script in its second phase",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
