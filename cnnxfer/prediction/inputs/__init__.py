"""What is typed as input to the images that it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.inputs.globs import resolve
from cnnxfer.prediction.inputs.kinds import (
    DEFAULT_OPTIONS,
    TABLE,
    InputOptions,
    Kind,
)

__all__ = ["InputOptions", "count_images", "find_images"]


def find_images(
    inputs: Sequence[str], options: InputOptions = DEFAULT_OPTIONS
) -> Iterator[ImageSource]:
    """Returns the images that the inputs mean, in their order.

    What was typed is checked at once. What lies in folders, archives, lists and tables
    is met as it is asked for, never all in memory; what goes wrong there is an image
    in its place whose `read` raises a DataError. Threads may read side by side.

    Args:
        inputs: files, whatever their suffixes; folders; globs; zip and tar archives;
            http and https addresses; `@FILE`, a list of such; `-`, the same on stdin;
            CSV, TSV and Parquet tables. What exists by its name is taken for itself.
        options: how they are read.

    Raises:
        ConfigError: if a column is asked for and no input is a table.
        DataError: if an input does not exist, can't be read, holds no image or has no
            such column.
    """
    found = _resolve(inputs)
    if options.column is not None and all(kind is not TABLE for kind, _ in found):
        raise ConfigError(
            f"--column is {options.column!r}, and no input is a table; "
            "expected a .csv, .tsv or .parquet file."
        )
    for kind, item in found:
        kind.load().check(item, options)
    return chain.from_iterable(kind.load().walk(item, options) for kind, item in found)


def count_images(
    inputs: Sequence[str], options: InputOptions = DEFAULT_OPTIONS
) -> int | None:
    """Returns how many images `find_images` yields, where that is cheap to know.

    None for stdin and tar archives, and for lists and tables that name some.

    Raises:
        DataError: if an input does not exist.
    """
    total = 0
    for kind, item in _resolve(inputs):
        count = kind.load().count(item, options)
        if count is None:
            return None
        total += count
    return total


def _resolve(inputs: Sequence[str]) -> list[tuple[Kind, str]]:
    return [pair for item in inputs for pair in resolve(item)]
