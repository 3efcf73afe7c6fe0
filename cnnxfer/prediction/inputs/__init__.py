"""Search for the images that the inputs of a prediction refer to."""

from collections.abc import Iterator, Sequence
from itertools import chain

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.inputs.globs import FoundInput, resolve
from cnnxfer.prediction.inputs.kinds import FOLDER, TABLE
from cnnxfer.spelling import option

DEFAULT_OPTIONS = InputOptions()


def find_images(
    inputs: Sequence[str],
    options: InputOptions = DEFAULT_OPTIONS,
    passed_over: PassedOver | None = None,
) -> Iterator[ImageSource]:
    """Returns the images that the inputs refer to, in the order of the inputs.

    The inputs themselves are checked at once. The contents of folders, archives, lists
    and tables are read as they are needed and never kept in memory; each error there
    becomes an image whose `read` raises a DataError. Several threads may read images at
    the same time.

    Args:
        inputs: files with any suffix; folders; globs; zip and tar archives; http and
            https addresses; `@FILE`, a file that lists such inputs; `-`, such a list on
            stdin; CSV, TSV and Parquet tables. The name of an existing file or folder
            is never taken for a pattern.
        options: how the inputs are read.
        passed_over: counts what is no image in folders, archives and the matches of
            globs, while they are read.

    Raises:
        ConfigError: if a column is asked for and no input is a table.
        DataError: if an input does not exist, cannot be read, holds no image or lacks
            the column.
    """
    passed_over = PassedOver() if passed_over is None else passed_over
    found = _resolve(inputs, passed_over)
    if options.column != "auto" and all(it.kind is not TABLE for it in found):
        raise ConfigError(
            f"{option('--column')} is {options.column!r}, and no input is a table; "
            "expected a .csv, .tsv or .parquet file."
        )
    for it in found:
        if it.typed or it.kind is not FOLDER:  # a pattern may match empty folders
            it.kind.load().check(it.item, options)
    return chain.from_iterable(
        it.kind.load().walk(it.item, options, passed_over) for it in found
    )


def count_images(
    inputs: Sequence[str], options: InputOptions = DEFAULT_OPTIONS
) -> int | None:
    """Returns how many images `find_images` yields, if that is quick to count.

    It is None for stdin and tar archives, and for lists and tables that name one.
    """
    total = 0
    for it in _resolve(inputs, PassedOver()):
        count = it.kind.load().count(it.item, options)
        if count is None:
            return None
        total += count
    return total


def _resolve(inputs: Sequence[str], passed_over: PassedOver) -> list[FoundInput]:
    return [found for item in inputs for found in resolve(item, passed_over)]
