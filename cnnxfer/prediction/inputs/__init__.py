"""Search for the images that the inputs of a prediction refer to."""

from collections.abc import Iterator, Sequence
from itertools import chain

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.inputs.globs import resolve
from cnnxfer.prediction.inputs.kinds import TABLE, Kind
from cnnxfer.spelling import option

DEFAULT_OPTIONS = InputOptions()


def find_images(
    inputs: Sequence[str], options: InputOptions = DEFAULT_OPTIONS
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

    Raises:
        ConfigError: if a column is asked for and no input is a table.
        DataError: if an input does not exist, cannot be read, holds no image or lacks
            the column.
    """
    found = _resolve(inputs)
    if options.column != "auto" and all(kind is not TABLE for kind, _ in found):
        raise ConfigError(
            f"{option('--column')} is {options.column!r}, and no input is a table; "
            "expected a .csv, .tsv or .parquet file."
        )
    for kind, item in found:
        kind.load().check(item, options)
    return chain.from_iterable(kind.load().walk(item, options) for kind, item in found)


def count_images(
    inputs: Sequence[str], options: InputOptions = DEFAULT_OPTIONS
) -> int | None:
    """Returns how many images `find_images` yields, if that is quick to count.

    It is None for stdin and tar archives, and for lists and tables that name one.
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
