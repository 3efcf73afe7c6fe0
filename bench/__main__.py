"""Runs a benchmark, or lists them all.

    python -m bench                        lists the benchmarks
    python -m bench NAME --help            explains one, and its options
    python -m bench NAME [options]         runs it
    python -m bench scratch                runs all whose names begin so, one by one

Results are written to `bench/results/NAME.json`, or to the file that `--out` names.
Everything else goes to temporary folders (TMPDIR). tf_flowers is read from
TFDS_DATA_DIR, or downloaded. Photographs, tf_flowers, weights and the textbook's own
script are taken from `CNNXFER_SHARED`, or the folder `shared` beside the repository,
if it exists. Run nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bench.catalog import BENCHMARKS, Benchmark
from bench.lib.results import RESULTS, to_json
from bench.lib.shared import lend_shared


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 1 if what was to be proven is not so."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        list_benchmarks()
        return 0
    name, *given = arguments
    found = [entry for entry in BENCHMARKS if f"{entry.name}_".startswith(f"{name}_")]
    if not found:
        print(
            f"unknown benchmark {name!r}. `python -m bench` lists them.",
            file=sys.stderr,
        )
        return 2
    if given and len(found) > 1:
        print(
            f"{name} are {len(found)} benchmarks, which have options of their own. "
            "`python -m bench` lists them.",
            file=sys.stderr,
        )
        return 2
    with lend_shared():
        return max([run(entry, given) for entry in found])


def list_benchmarks() -> None:
    """Prints what each measures, against what, and how long it takes."""
    width = max(len(entry.name) for entry in BENCHMARKS)
    for entry in BENCHMARKS:
        against = f" (against: {entry.baseline})" if entry.baseline else ""
        print(f"{entry.name:{width}}  {entry.measures}{against}: {entry.takes}")


def run(entry: Benchmark, given: Sequence[str]) -> int:
    """Runs a benchmark and writes its table; returns the exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow is talkative
    module = import_module(entry.module)
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument(
        "--out",
        type=Path,
        default=RESULTS / f"{entry.name}.json",
        metavar="FILE",
        help="instead of bench/results/NAME.json",
    )
    parser = argparse.ArgumentParser(
        prog=f"python -m bench {entry.name}",
        description=module.__doc__,
        epilog=f"Takes {entry.takes} on two cores, with these defaults.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
        allow_abbrev=False,
    )
    module.add_options(parser)
    options = parser.parse_args(given)
    _, others = common.parse_known_args(given)
    options.out.parent.mkdir(parents=True, exist_ok=True)  # before hours are spent
    table = module.measure(options)
    command = shlex.join(["python", "-m", "bench", entry.name, *others])
    text = to_json(table, command=command, baseline=entry.baseline)
    options.out.write_text(text, encoding="utf-8")
    print(text, end="")
    print(f"written to {options.out}", file=sys.stderr)
    return int(not table.passed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
