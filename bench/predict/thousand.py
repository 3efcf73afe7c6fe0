"""Point 1: any number of pictures, the textbook's loop against `cnnxfer predict`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from piles import photographs, write_links
from rankers import Ranker, Textbook, is_pretrained, run_textbook
from results import Results, Row

BATCH = 32


def race_ranking(
    results: Results,
    backbones: Sequence[str],
    *,
    images: int,
    textbook_images: int,
    rounds: int,
) -> None:
    """Times whole processes, and what they reach of the limit.

    The textbook's loop one by one and in batches, `cnnxfer predict` with an empty
    cache, and again with the cache that this left.

    Args:
        results: where the figures go.
        backbones: of the catalog.
        images: how many pictures `cnnxfer` ranks.
        textbook_images: how many of them the textbook's loop ranks.
        rounds: of the limit, and of `cnnxfer` with a warm cache.
    """
    race: list[Row] = []
    limits: list[Row] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        pile = folder / "pile"
        originals = photographs(folder / "originals")
        write_links(pile, originals, images)
        for backbone in backbones:
            rows, limit = _measure(
                folder, pile, backbone, images, textbook_images, rounds
            )
            for row in rows:
                results.add("ranking", row)
            results.add("limit", limit)
            race += rows
            limits.append(limit)
    kilobytes = sum(path.stat().st_size for path in originals) / len(originals) / 1e3
    results.table(
        f"1. {images} JPEGs of {kilobytes:.0f} kB, whole processes.\n"
        "Images a second: of the textbook's loop without its start-up, of cnnxfer's "
        f"whole process. Whole seconds: for {images} images, start-up and all;\nthe "
        f"textbook's from {textbook_images}. Ratio and loop ratio: of these two to the "
        "textbook's. Same best: as the textbook's loop, where weights are ImageNet's.",
        race,
    )
    results.table(
        f"1. Images a second, against the limit 1 / (1 / decoding + 1 / computing); "
        f"median of {rounds} rounds.\nTogether: in a process that goes on; process: "
        "with its start and end.",
        limits,
    )


def _measure(
    folder: Path,
    pile: Path,
    backbone: str,
    images: int,
    textbook_images: int,
    rounds: int,
) -> tuple[list[Row], Row]:
    # It loads the engine into this process, so it waits until others have run.
    from limits import measure_limit

    with TemporaryDirectory(dir=folder) as place:
        ranker = Ranker(Path(place), backbone)
        loop = run_textbook(backbone, pile, images=textbook_images)
        batches = run_textbook(backbone, pile, images=textbook_images, batch=BATCH)
        cold = ranker.rank(pile)
        best_cold = _best(ranker)
        limit = measure_limit(ranker, pile, images, rounds)
        best_warm = _best(ranker)
    of_loop = _of_textbook(loop, images, 1)
    rows = {
        "textbook": of_loop,
        f"textbook in {BATCH}s": _of_textbook(batches, images, BATCH),
        "cnnxfer cold": _of_process(cold.wall_seconds, images),
        "cnnxfer warm": _of_process(images / limit["process"], images),
    }
    best = {
        "textbook": loop.answers,
        f"textbook in {BATCH}s": batches.answers,
        "cnnxfer cold": best_cold,
        "cnnxfer warm": best_warm,
    }
    return [
        {
            "backbone": backbone,
            "what": what,
            **row,
            "ratio": of_loop["whole_seconds"] / row["whole_seconds"],
            "loop_ratio": row["images_per_second"] / of_loop["images_per_second"],
            "same_best": _share(best[what], loop.answers)
            if is_pretrained(backbone)
            else None,
        }
        for what, row in rows.items()
    ], limit


def _of_textbook(textbook: Textbook, images: int, batch: int) -> Row:
    done = len(textbook.answers)
    first = min(batch, done)
    rest = textbook.loop_seconds - textbook.first_seconds
    # The first answer is slower: the network is traced.
    more = (images - first) * rest / (done - first)
    return {
        "images": done,
        "startup_seconds": textbook.startup_seconds,
        "first_seconds": textbook.first_seconds,
        "images_per_second": done / textbook.loop_seconds,
        "whole_seconds": textbook.startup_seconds + textbook.first_seconds + more,
    }


def _of_process(seconds: float, images: int) -> Row:
    return {
        "images": images,
        "startup_seconds": None,
        "first_seconds": None,
        "images_per_second": images / seconds,
        "whole_seconds": seconds,
    }


def _best(ranker: Ranker) -> list[Any]:
    return [record["predictions"][0]["class_id"] for record in ranker.records()]


def _share(answers: Sequence[Any], others: Sequence[Any]) -> float:
    pairs = list(zip(answers, others, strict=False))  # the textbook's are fewer
    return sum(answer == other for answer, other in pairs) / len(pairs)
