"""The source for a table of paths and labels: CSV, TSV, JSON lines or Parquet."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnnxfer.data.annotation import LABEL_SEPARATOR, Labels
from cnnxfer.data.dataset import (
    CLASSIFICATION,
    MULTI_LABEL,
    Dataset,
    Example,
)
from cnnxfer.data.images.names import names_image
from cnnxfer.data.sources.layout import SPLIT_BY_WORD, utf8_name
from cnnxfer.data.tables import TEXT, Table, names_of, open_table
from cnnxfer.errors import DataError
from cnnxfer.registry import did_you_mean, suggestion
from cnnxfer.reporting import Reporter, counted

# Names that a column may have; the first is preferred. Case, spaces, hyphens and
# underscores don't matter.
PATH_NAMES = ("path", "file", "filename", "filepath", "image", "imagepath")
LABEL_NAMES = ("label", "labels", "class", "classname")
SPLIT_NAMES = ("split",)
MAX_SHOWN = 5
_ADDRESS = re.compile(r"\w[\w+.-]*://")


@dataclass(frozen=True)
class _Columns:
    """The names of the columns with each image's path, label and split."""

    path: str
    label: str
    split: str | None
    others: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*filter(None, (self.path, self.label, self.split)), *self.others)


@dataclass(frozen=True)
class _Row:
    """A row about one image; `multi_label` tells whether its labels are a list."""

    number: int
    id: str
    path: Path
    labels: tuple[str, ...]
    multi_label: bool
    split: str | None
    others: tuple[str, ...]


def check(spec: str) -> None:
    """Raises a DataError if a table cannot be read, or lacks a column that it needs."""
    _choose_columns(spec, open_table(spec))


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the images of a table with the columns path, label and perhaps split.

    Paths are relative to the table's folder. Where a row has several labels, separated
    by `|`, or a list of them, the whole data set is multi-label, and an image may have
    no label. A file that does not exist becomes an example that cannot be read. Rows
    about the same file become one example.

    Raises:
        DataError: if the table cannot be read or understood; the message names the
            row.
    """
    table = open_table(spec)
    columns = _choose_columns(spec, table)
    rows = list(_rows(spec, table, columns))
    if not rows:
        raise DataError(f"{spec} has no rows; expected one an image.")
    multi_label = any(row.multi_label for row in rows)
    if not multi_label:
        _refuse_unlabelled(spec, rows)
    rows = _merge(spec, rows, multi_label)
    if not any(row.path.is_file() for row in rows):
        raise DataError(
            f"{spec} names {counted(len(rows), 'file')}, and none exists, such as "
            f"{rows[0].path}. Write paths relative to the folder of the table."
        )
    class_names = sorted({name for row in rows for name in row.labels})
    labels = {name: label for label, name in enumerate(class_names)}
    return Dataset(
        name=utf8_name(Path(spec).stem),
        class_names=tuple(class_names),
        examples=tuple(
            Example(
                row.id,
                Labels(tuple(labels[name] for name in row.labels)),
                row.split,
                row.path,
            )
            for row in rows
        ),
        task=MULTI_LABEL if multi_label else CLASSIFICATION,
        columns={
            name: tuple(row.others[position] for row in rows)
            for position, name in enumerate(columns.others)
        },
    )


def _choose_columns(spec: str, table: Table) -> _Columns:
    names = names_of(table)
    if not names:
        raise DataError(
            f"{spec} is empty; expected a line with the names of its columns, such as "
            "path,label, and a line an image."
        )
    if image := next(filter(names_image, names), None):
        raise DataError(
            f"{spec} begins with {image!r}; expected a line with the names of its "
            "columns above, such as path,label."
        )
    path = _find(spec, names, PATH_NAMES)
    label = _find(spec, names, LABEL_NAMES)
    split = _find(spec, names, SPLIT_NAMES)
    for role, found in ((PATH_NAMES[0], path), (LABEL_NAMES[0], label)):
        if found is None:
            raise DataError(
                f"{spec} has no column {role!r}; it has {', '.join(names)}."
                f"{did_you_mean(role, names)} Call the one with the {role}s {role!r}."
            )
    assert path is not None
    assert label is not None
    path_type = next(column.type for column in table.columns if column.name == path)
    if path_type != TEXT:
        raise DataError(
            f"column {path!r} of {spec} holds {path_type}; expected paths, as strings."
        )
    others = (column.name for column in table.columns if column.simple)
    return _Columns(
        path, label, split, tuple(n for n in others if n not in (path, label, split))
    )


def _find(spec: str, names: Iterable[str], words: Sequence[str]) -> str | None:
    """Returns the column that has the first of the names, or else another of them."""
    keys = [(re.sub(r"[\s_-]", "", name.lower()), name) for name in names]
    found = [name for key, name in keys if key == words[0]]
    found = found or [name for key, name in keys if key in words]
    if len(found) > 1:
        raise DataError(
            f"{spec} has the columns {' and '.join(map(repr, found))}; any may be the "
            f"{words[0]}. Call one of them {words[0]!r}, and the others differently."
        )
    return found[0] if found else None


def _rows(spec: str, table: Table, columns: _Columns) -> Iterator[_Row]:
    folder = os.path.dirname(spec)
    for number, values in _values(spec, table, columns.names):
        if not any(isinstance(value, list) or _filled(value) for value in values):
            continue  # spreadsheets may write rows of empty cells
        try:
            yield _row(folder, number, values, columns)
        except DataError as error:
            raise DataError(f"{spec}, row {number} {error}") from error
        except UnicodeEncodeError as error:  # JSON can escape half of a surrogate pair
            raise DataError(
                f"{spec}, row {number} holds {error.object!r:.60}, which is half a "
                "character; expected text."
            ) from error


def _values(
    spec: str, table: Table, names: Sequence[str]
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    number = 0
    try:
        for number, values in enumerate(table.rows(names, strict=True), 1):
            yield number, values
    except Exception as error:  # the parsers raise errors of many types
        reason = " ".join(str(error).split())
        raise DataError(
            f"{spec}, row {number + 1} cannot be read: {reason}."
        ) from error


def _row(folder: str, number: int, values: Sequence[Any], columns: _Columns) -> _Row:
    path, label, *others = values
    split = others.pop(0) if columns.split else None
    path = _checked_path(path)
    labels = label if isinstance(label, list) else _text(label).split(LABEL_SEPARATOR)
    return _Row(
        number=number,
        id=_id(folder, path),
        path=_locate(folder, path),
        labels=tuple(sorted({text for name in labels if (text := _text(name))})),
        multi_label=isinstance(label, list) or len(labels) > 1,
        split=_split(_text(split)),
        others=tuple(map(_text, others)),
    )


def _filled(value: Any) -> bool:
    # Numeric tables may hold NaN, which differs from itself, for a missing value.
    return value is not None and value == value and bool(str(value).strip())


def _text(value: Any) -> str:
    """Returns a cell as text; empty for an empty cell."""
    if isinstance(value, (dict, list, bytes)):
        raise DataError(f"holds {value!r:.60}; expected text.")
    return utf8_name(str(value).strip()) if _filled(value) else ""


def _checked_path(path: Any) -> str:
    if not _filled(path):
        raise DataError("has no path. Fill it in, or delete the row.")
    if not isinstance(path, str):
        raise DataError(f"has the path {path!r:.60}; expected text.")
    if _ADDRESS.match(path):
        raise DataError(
            f"names an address, {path}; expected a file. Download the images, and "
            "write where they are."
        )
    if "\0" in path:
        raise DataError(f"has the path {path!r}, which no file can have.")
    return path


def _id(folder: str, path: str) -> str:
    """Returns the path with slashes, relative to the table's folder if it is in it."""
    path = os.path.normpath(path)
    inside = os.path.join(os.path.abspath(folder), "")
    return utf8_name(path.removeprefix(inside).replace(os.sep, "/"))


def _locate(folder: str, path: str) -> Path:
    """Returns the path of a file, without spaces and backslashes if it needs that."""
    as_written = Path(folder, path)
    corrected = path.strip().replace("\\", "/")  # typed by hand, or on Windows
    if corrected != path and not as_written.exists():
        return Path(folder, corrected)
    return as_written


def _split(word: str) -> str | None:
    if not word:
        return None
    try:
        return SPLIT_BY_WORD[word.lower()]
    except KeyError:
        raise DataError(
            f"has the split {word!r}.{suggestion(word, SPLIT_BY_WORD)}"
        ) from None


def _refuse_unlabelled(spec: str, rows: Sequence[_Row]) -> None:
    numbers = [row.number for row in rows if not row.labels]
    if numbers:
        more = len(numbers) - MAX_SHOWN
        raise DataError(
            f"{spec}, {'row' if len(numbers) == 1 else 'rows'} "
            f"{', '.join(map(str, numbers[:MAX_SHOWN]))}"
            f"{f' and {more} more' if more > 0 else ''}: no label. Fill it in, or "
            f"delete the row. (Only where some row has several labels, as in "
            f"rose{LABEL_SEPARATOR}red, may an image have none.)"
        )


def _merge(spec: str, rows: Iterable[_Row], multi_label: bool) -> list[_Row]:
    """Returns one row for each image; refuses rows that contradict each other."""
    images: dict[str, _Row] = {}
    for row in rows:
        first = images.setdefault(row.id, row)
        both = f"{spec}, rows {first.number} and {row.number}: {row.id} is"
        if first.split != row.split:
            raise DataError(
                f"{both} in two splits, {first.split or 'none'} and "
                f"{row.split or 'none'}. Keep one row."
            )
        if first.labels == row.labels:
            continue
        if not multi_label:
            names = (*first.labels, *row.labels)
            raise DataError(
                f"{both} of two classes, {' and '.join(names)}. Keep one row; or, if "
                f"images may have several labels, write {LABEL_SEPARATOR.join(names)}."
            )
        labels = tuple(sorted({*first.labels, *row.labels}))
        images[row.id] = replace(first, labels=labels)
    return list(images.values())
