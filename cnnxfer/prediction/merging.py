"""The answers of all shards, put together in the order of their images."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import cycle
from pathlib import Path
from textwrap import shorten
from typing import Any, TextIO

from cnnxfer.errors import ConfigError, DataError
from cnnxfer.prediction.outputs.file import check_out, choose_writer, write_out
from cnnxfer.prediction.outputs.formats import Writer
from cnnxfer.prediction.outputs.masks import read_masks
from cnnxfer.prediction.outputs.part import Part, images_in, open_part, read_part
from cnnxfer.prediction.outputs.totals import Totals
from cnnxfer.prediction.prediction import Prediction, ReadAnswer
from cnnxfer.prediction.shard import NameList
from cnnxfer.reporting import Advance, Reporter, counted, listed
from cnnxfer.spelling import option
from cnnxfer.tasks.catalog import TASKS

OPEN_FILES = 64  # besides those of the shards
Parts = Sequence[tuple[Path, Part]]


def merge(
    paths: Sequence[Path], out: Path | TextIO | None, format: str, reporter: Reporter
) -> Totals:
    """Writes the answers of all shards as one machine would have; see `cnnxfer.merge`.

    What went wrong is reported as a warning, too.
    """
    if not paths:
        raise DataError(
            "there are no parts to merge. Name the files that were written with "
            f"{option('--shard')}, one for each shard."
        )
    target = out if isinstance(out, Path) else None
    writer = choose_writer(format, target)
    with reporter.wait(f"comparing {counted(len(paths), 'part')}"):
        parts = [(path, read_part(path)) for path in paths]
    _check(parts)
    parts.sort(key=lambda each: each[1].shard)
    first = parts[0][1]
    if target is not None:
        check_out(target, writer, [*map(str, paths), *first.inputs])
    read = _reader(first)
    _check_writer(writer, first, read)
    _tell_of_engines(parts, reporter)
    totals = Totals()
    with reporter.progress("merging", first.images, "images") as advance:
        predictions = _interleaved(parts, read, advance)
        if writer.masks:
            predictions = read_masks(
                predictions,
                first.settings["max_pixels"],
                "Merge in a folder from which this path leads to the mask, or use "
                f"another {option('--format')}.",
            )
        write_out(totals.watch(predictions), writer, out, first.inputs)
    if totals.images > 1 and totals.answers:
        reporter.info(totals.answers)
    reporter.info(f"{counted(first.images, 'image')} of {_shards(first)}")
    totals.warn(first.settings["model"], reporter)
    return totals


def _check(parts: Parts) -> None:
    """Checks that the parts are those of all shards of one prediction.

    Raises:
        DataError: if one is of another, is there twice or is missing.
    """
    path, first = parts[0]
    by_shard: dict[int, Path] = {}
    for other_path, other in parts:
        if difference := _difference(first, other):
            raise DataError(
                f"{path} and {other_path} are parts of different predictions: "
                f"{difference}. Name the parts of one."
            )
        if other.shard in by_shard:
            raise DataError(
                f"{by_shard[other.shard]} and {other_path} are both shard "
                f"{other.shard} of {first.shards}. Name one of them."
            )
        by_shard[other.shard] = other_path
    missing = [it for it in range(1, first.shards + 1) if it not in by_shard]
    if missing:
        shown = [*map(str, missing[:10]), *["others"] * (len(missing) > 10)]
        raise DataError(
            f"{counted(len(missing), 'part')} of {_shards(first)} "
            f"{'is' if len(missing) == 1 else 'are'} missing: {listed(shown)}. Name "
            "them, too, or answer them with "
            + option("--shard", f"{missing[0]}/{first.shards}")
        )


def _difference(one: Part, other: Part) -> str:
    """Returns in what two parts are not of one prediction; empty if they are."""
    if one.shards != other.shards:
        return f"{_shards(one)}, and {other.shards:,}"
    settings, others = _comparable(one), _comparable(other)
    for name in settings | others:
        values = settings.get(name), others.get(name)
        if values[0] != values[1]:
            shown = [shorten(str(it), 60, placeholder="…") for it in values]
            return f"{name} {shown[0]}, and {shown[1]}"
    if one.images != other.images:
        return f"their inputs had {counted(one.images, 'image')}, and {other.images:,}"
    if one.names_sha256 != other.names_sha256:
        return "their inputs had images of other names, or in another order"
    return ""


def _comparable(part: Part) -> dict[str, Any]:
    """Returns the settings that all parts of a prediction have in common.

    Each may have kept its masks in a folder of its own: answers name their files.
    """
    has_masks = part.settings["masks"] != "none"
    return part.settings | {"masks": "kept" if has_masks else "none"}


def _shards(part: Part) -> str:
    return counted(part.shards, "shard")


def _reader(part: Part) -> ReadAnswer:
    """Returns what reads the answers of a prediction."""
    decision = TASKS.get(part.settings["task"]).decision(part.settings["classes"], {})
    least = part.settings["min_confidence"]
    return partial(decision.read, min_confidence=None if least == "auto" else least)


def _check_writer(writer: Writer, part: Part, read: ReadAnswer) -> None:
    kind = read({}).kind
    if writer.labels and kind != "objects" and not (writer.masks and kind == "masks"):
        other = "coco" if kind == "masks" else "csv"
        raise ConfigError(
            f"{option('--format', writer.name)} needs objects, and "
            f"{part.settings['model']} has answered with {kind}. Use another, such as "
            f"{option('--format', other)}."
        )
    if kind == "masks" and writer.masks and part.settings["masks"] == "none":
        raise ConfigError(
            f"{option('--format', writer.name)} needs the masks themselves, and the "
            f"shards were answered without {option('--masks', 'FOLDER')}. Answer them "
            "again with it, or use another format."
        )
    if writer.labels and part.settings["frames"] == "all":
        raise ConfigError(
            f"{option('--format', writer.name)} has labels of files, and the shards "
            f"were answered with {option('--frames', 'all')}. Use another format."
        )


def _tell_of_engines(parts: Parts, reporter: Reporter) -> None:
    """Warns if probabilities depend on which machine has answered."""
    shards: dict[str, list[str]] = {}
    for _, part in parts:
        for variant in part.variants:
            shards.setdefault(" in ".join(variant), []).append(str(part.shard))
    if len(shards) > 1:
        usual, *others = sorted(shards, key=lambda it: -len(shards[it]))
        others = [f"{listed(shards[it])} by {it}" for it in others]
        reporter.warn(
            f"most shards were answered by {usual}, and {'; '.join(others)}, so "
            "probabilities differ a little between them. For equal ones, name "
            f"{option('--engine')} and {option('--precision')}."
        )


def _interleaved(
    parts: Parts, read: ReadAnswer, advance: Advance
) -> Iterator[Prediction]:
    """Yields the predictions of all shards in the order of their images.

    Raises:
        DataError: if the images are not those that the shards have listed.
    """
    first, names = parts[0][1], NameList()
    _allow_open_files(len(parts) + OPEN_FILES)
    with ExitStack() as stack:
        images = [
            images_in(path, stack.enter_context(open_part(path)), read)
            for path, _ in parts
        ]
        for shard in cycle(images):
            image = next(shard, None)
            if image is None:
                break
            names.add(image[0].path)
            yield from image
            advance()
        ended = all(next(shard, None) is None for shard in images)
    if not ended or names.sha256 != first.names_sha256:
        raise DataError(
            f"the parts hold other images than the {first.images:,} that the shards "
            "have listed. Answer the shards again."
        )


def _allow_open_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < number:
        with suppress(ValueError, OSError):  # more are not allowed
            resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
