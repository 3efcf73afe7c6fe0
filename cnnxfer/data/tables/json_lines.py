"""Reads tables in JSON lines: an object a line, whose keys are the columns."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from cnnxfer.data.tables import Column
from cnnxfer.errors import DataError, reason_of
from cnnxfer.texts import open_lines


class Reader:
    """A table in JSON lines, held in memory, since any row may add a column."""

    def __init__(self, path: str) -> None:
        """Reads all lines; raises a DataError if one is not an object."""
        try:
            with open_lines(path) as stream:
                self._rows = [
                    _object(path, number, line)
                    for number, line in enumerate(stream, 1)
                    if line.strip()
                ]
        except OSError as error:
            raise DataError(f"{path} cannot be read: {reason_of(error)}.") from error
        except UnicodeError as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
        keys = dict.fromkeys(key for row in self._rows for key in row)
        self.columns = [Column(key) for key in keys]

    def rows(
        self, names: Sequence[str], *, strict: bool = False
    ) -> Iterator[tuple[Any, ...]]:
        """Yields the values of the named keys, None where an object has none."""
        for row in self._rows:
            yield tuple(row.get(name) for name in names)


def _object(path: str, number: int, line: str) -> dict[str, Any]:
    expected = 'expected an object a line, such as {"path": "1.jpg", "label": "rose"}'
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:  # deeply nested lists
        raise DataError(f"{path}, line {number} is not JSON; {expected}.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}, line {number} is {line.strip()[:40]}; {expected}.")
    return value
