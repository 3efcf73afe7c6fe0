"""How fast a training step is, in every way that there is to compute one.

    python scripts/bench/train_step.py --backbones efficientnet-lite0
    python scripts/bench/train_step.py --ways textbook cnnxfer --rounds 5

All layers learn, in `fit`, at batch 32 and 224 pixels, by SGD with momentum. The
baseline is what Keras does by default: float32, and BatchNormalization that learns
with the rest. All others freeze BatchNormalization, as cnnxfer does by default.

Each way runs in a process of its own, one after the other, and all of them again in
the next round, so that other work on the machine meets them alike. Weights are random,
with statistics of BatchNormalization that fit: speed does not depend on them, and
without, signals die away to numbers that are slow to compute with.

On two cores a round takes 12 minutes a backbone, most of it in ways that are slow;
only the textbook and cnnxfer, 2 minutes. Needs 10 GB of memory for Xception. Ways of
other backends are left out where `jax` or `torch` is not installed. Let the machine
rest meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from options import describe_machine
from processes import run_process
from results import Results, Row

from cnnxfer.backbones.catalog import BACKBONES as CATALOG

STEP_TIMER = Path(__file__).with_name("step_timer.py")
BACKBONES = ("xception", "resnet50", "efficientnet-lite0")
BASELINE = "textbook"
CHOICE = "cnnxfer"


@dataclass(frozen=True)
class Way:
    """How a step is computed.

    Attributes:
        precision: as `--precision` takes it.
        twin: by cnnxfer's twin of the model, not by Keras's layers themselves.
        batch_norm: `frozen` or `train`.
        jit: compiled by XLA.
        environment: variables that the process gets.
    """

    precision: str = "float32"
    twin: bool = False
    batch_norm: str = "frozen"
    jit: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def backend(self) -> str:
        """What Keras computes with."""
        return self.environment.get("KERAS_BACKEND", "tensorflow")


BFLOAT16_SUMS = {"TF_SET_ONEDNN_FPMATH_MODE": "BF16"}
ONE_AT_A_TIME = {"TF_NUM_INTEROP_THREADS": "1"}
KEPT_MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(32 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
JAX = {"KERAS_BACKEND": "jax"}
TORCH = {"KERAS_BACKEND": "torch"}
WAYS = {
    BASELINE: Way(batch_norm="train"),
    "keras": Way(),
    "keras-xla": Way(jit=True),
    "keras-fpmath": Way(environment=BFLOAT16_SUMS),
    "keras-bfloat16": Way("bfloat16"),
    "jax": Way(environment=JAX),
    "jax-bfloat16": Way("bfloat16", environment=JAX),
    "torch": Way(environment=TORCH),
    "torch-bfloat16": Way("bfloat16", environment=TORCH),
    "twin": Way(twin=True),
    "twin-xla": Way(twin=True, jit=True),
    "twin-fpmath": Way(twin=True, environment=BFLOAT16_SUMS),
    "twin-bfloat16": Way("bfloat16", twin=True),
    "twin-bfloat16-one-at-a-time": Way("bfloat16", True, environment=ONE_AT_A_TIME),
    "twin-bfloat16-kept-memory": Way("bfloat16", True, environment=KEPT_MEMORY),
    "twin-bfloat16-huge-pages": Way("bfloat16", True, environment=HUGE_PAGES),
    CHOICE: Way("auto", twin=True),
}


def main() -> None:
    """Measures what the options ask for."""
    options = _options()
    results = Results(options.out)
    results.add("machine", describe_machine())
    rows: dict[tuple[str, str], list[Row]] = {}
    for _ in range(options.rounds):
        for backbone in options.backbones:
            for name in options.ways:
                row = _measure(backbone, WAYS[name], options.seconds)
                results.add("step", {"backbone": backbone, "way": name, **row})
                rows.setdefault((backbone, name), []).append(row)
    results.table(
        "Training steps of 32 images of 224 pixels, all layers learning: images a "
        f"second and CPU seconds a step, median of {options.rounds}; ratio of images "
        f"a second to {BASELINE}.",
        _table(rows),
    )


def _table(rows: dict[tuple[str, str], list[Row]]) -> list[Row]:
    speeds = {
        key: median(row["images_per_second"] for row in each)
        for key, each in rows.items()
    }
    return [
        {
            "backbone": backbone,
            "way": way,
            "precision": rows[backbone, way][0]["precision"],
            "images_per_second": speed,
            "ratio": speed / speeds.get((backbone, BASELINE), float("nan")),
            **{
                key: median(row[key] for row in rows[backbone, way])
                for key in ("cpu_seconds", "first_step_seconds", "peak_mb")
            },
        }
        for (backbone, way), speed in speeds.items()
    ]


def _measure(backbone: str, way: Way, seconds: float) -> Row:
    asked = {"backbone": backbone, "seconds": seconds, **asdict(way)}
    finished = run_process(
        [sys.executable, str(STEP_TIMER), json.dumps(asked)], way.environment
    )
    found: Row = json.loads(finished.output)
    return {**found, "peak_mb": finished.peak_mb}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--backbones",
        nargs="+",
        choices=[entry.name for entry in CATALOG],
        default=BACKBONES,
        metavar="NAME",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=25.0, help="of steps, at least three of them"
    )
    there = [name for name, way in WAYS.items() if find_spec(way.backend)]
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=there,
        default=there,
        metavar="WAY",
        help=f"of {', '.join(there)}",
    )
    parser.add_argument("--out", type=Path, help="a file for every figure, JSON lines")
    return parser.parse_args()


if __name__ == "__main__":
    main()
