"""Points 1 and 2: cnnxfer against the textbook, in time and in accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

from contenders import Place, Training, run_textbook
from results import Results, Row

VIEWS = (1, 2, 4, 8)


def race(
    results: Results, backbones: Sequence[str], *, epochs: int, repeat: int
) -> None:
    """Times whole trainings of a head on random weights and tf_flowers, in turn.

    Each time the textbook's loop first, then `cnnxfer train` with an empty cache, then
    a new run at another learning rate with the cache that the first one left.

    Args:
        results: where the figures go; medians of the repetitions in the table.
        backbones: of the catalog.
        epochs: of the textbook.
        repeat: how often all is done.
    """
    table = []
    for backbone in backbones:
        rows: dict[str, list[Row]] = {}
        for seed in range(repeat):
            for what, row in _lap(backbone, epochs, seed).items():
                results.add("race", {"backbone": backbone, "what": what, **row})
                rows.setdefault(what, []).append(row)
        table += _medians(backbone, rows)
    results.table(
        f"1. {epochs} textbook epochs against a complete `cnnxfer train`: random "
        f"weights, tf_flowers at 224 pixels, median of {repeat}.\nRatio: of the whole "
        "processes; fit ratio: the textbook's fit alone to the whole of cnnxfer.",
        table,
    )


def _lap(backbone: str, epochs: int, seed: int) -> dict[str, Row]:
    textbook = run_textbook(backbone, weights="none", epochs=epochs, seed=seed)
    options = ["--data", "tf_flowers", "--backbone", backbone, "--weights", "none"]
    options += ["--image-size", "224", "--seed", str(seed)]
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        cold = place.train(*options)
        warm = place.train(*options, "--lr", "0.002")
        return {
            "textbook": _row(textbook, textbook.test_accuracy),
            "cold": _row(cold, place.evaluate(cold)),
            "warm": _row(warm, place.evaluate(warm)),
        }


def _row(training: Training, test_accuracy: float | None) -> Row:
    return {
        "engine": training.engine,
        "wall_seconds": training.process.wall_seconds,
        "cpu_seconds": training.process.cpu_seconds,
        "fit_seconds": training.fit_seconds,
        "val_accuracy": training.val_accuracy,
        "test_accuracy": test_accuracy,
        "peak_mb": training.process.peak_mb,
    }


def _medians(backbone: str, rows: dict[str, list[Row]]) -> list[Row]:
    def middle(what: str, key: str) -> float:
        return float(median(row[key] for row in rows[what]))

    wall, fit = (middle("textbook", key) for key in ("wall_seconds", "fit_seconds"))
    return [
        {
            "backbone": backbone,
            "what": what,
            "engine": rows[what][0]["engine"],
            "wall_seconds": middle(what, "wall_seconds"),
            "cpu_seconds": middle(what, "cpu_seconds"),
            "fit_seconds": fit if what == "textbook" else None,
            "ratio": wall / middle(what, "wall_seconds"),
            "fit_ratio": fit / middle(what, "wall_seconds"),
            "val_accuracy": middle(what, "val_accuracy"),
            "test_accuracy": middle(what, "test_accuracy"),
            "peak_mb": middle(what, "peak_mb"),
        }
        for what in rows
    ]


def compare_views(
    results: Results, backbones: Sequence[str], *, epochs: int, seeds: int
) -> None:
    """Compares accuracies on ImageNet weights, with tf_flowers in slices.

    The textbook's loop, `cnnxfer train` as it is by default, and with several numbers
    of views.

    Args:
        results: where the figures go; means over the seeds in the table.
        backbones: of the catalog.
        epochs: of the textbook.
        seeds: how many there are.
    """
    table = []
    for backbone in backbones:
        rows: dict[str, list[Row]] = {}
        for seed in range(seeds):
            for what, row in _contest(backbone, epochs, seed):
                results.add(
                    "accuracy",
                    {"backbone": backbone, "what": what, "seed": seed, **row},
                )
                rows.setdefault(what, []).append(row)
        table += [
            {"backbone": backbone, "what": what, **_means(same)}
            for what, same in rows.items()
        ]
    results.table(
        f"2. ImageNet weights, tf_flowers in slices, mean of {seeds} seeds; the "
        f"textbook after {epochs} epochs.",
        table,
    )


def _contest(backbone: str, epochs: int, seed: int) -> Iterator[tuple[str, Row]]:
    textbook = run_textbook(backbone, weights="imagenet", epochs=epochs, seed=seed)
    yield "textbook", _row(textbook, textbook.test_accuracy)
    options = ["--data", "tf_flowers", "--split", "slices", "--backbone", backbone]
    options += ["--weights", "imagenet", "--seed", str(seed)]
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for views in ([], *(["--views", str(number)] for number in VIEWS)):
            training = place.train(*options, *views)
            what = " ".join(["cnnxfer", *views])
            yield what, _row(training, place.evaluate(training))


def _means(rows: Sequence[Row]) -> Row:
    val = [row["val_accuracy"] for row in rows]
    test = [row["test_accuracy"] for row in rows]
    return {
        "engine": ", ".join(sorted({row["engine"] for row in rows})),
        "val_accuracy": mean(val),
        "lowest_val": min(val),
        "highest_val": max(val),
        "test_accuracy": mean(test),
        "lowest_test": min(test),
        "highest_test": max(test),
    }
