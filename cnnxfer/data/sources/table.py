"""The source for a table of paths and labels: CSV, TSV, JSON lines or Parquet."""

import os
import re
import stat
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from cnnxfer.data.annotation import LABEL_SEPARATOR, Labels
from cnnxfer.data.dataset import (
    CLASSIFICATION,
    MULTI_LABEL,
    Dataset,
    Example,
)
from cnnxfer.data.images.names import names_image
from cnnxfer.data.sources.layout import utf8_name
from cnnxfer.data.sources.split_folders import SPLIT_BY_WORD
from cnnxfer.data.sources.table_columns import (
    Columns,
    advice_on_division,
    choose_columns,
    find_splits,
    other_labels,
    unused_instructions,
)
from cnnxfer.data.tables import Table, names_of, open_table
from cnnxfer.data.written_paths import WrittenPaths
from cnnxfer.errors import DataError
from cnnxfer.registry import suggestion
from cnnxfer.reporting import Reporter, counted, listed
from cnnxfer.spelling import spelled
from cnnxfer.texts import SAVE_AS_UTF8, has_escaped_bytes, normal, western

MAX_SHOWN = 5
FROM_THE_TABLE = "Write paths relative to the folder of the table."
QUOTATION_MARKS = (
    '""',
    "''",
    "\u201c\u201d",
    "\u201e\u201c",
    "\u2018\u2019",
    "\xab\xbb",
)
# The columns of a table of boxes that does not name them, as RetinaNet reads it.
BARE = ("path", "xmin", "ymin", "xmax", "ymax", "label")
# A list of labels as Python or JSON writes it.
_WRITTEN_LIST = re.compile(r"\[\s*['\"].*\]|\[\s*\]")
_ADDRESS = re.compile(r"\w[\w+.-]*://")


class Row(NamedTuple):
    """A row about one image, or about an object in it.

    `multi_label` tells whether its labels are a list. `file` is the same for two rows
    if they are about the same file. `edges` and `size` are the cells of the box and of
    the size of the image, as they were read; empty without such columns.
    """

    number: int
    id: str
    path: str
    file: Hashable
    exists: bool
    labels: tuple[str, ...]
    multi_label: bool
    split: str | None
    others: tuple[str, ...]
    edges: tuple[Any, ...]
    size: tuple[Any, ...]


class _Paths(WrittenPaths):
    """The paths of a table, and the ids that follow from them."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._inside = os.path.join(os.path.abspath(folder), "")

    def id(self, path: str) -> str:
        """Returns a path with slashes, relative to the folder if it is in it."""
        path = os.path.normpath(path).removeprefix(self._inside)
        return _utf8(path.replace(os.sep, "/"))


class _Cells:
    """Reads cells of names.

    Attributes:
        western: a name that was read as Windows-1252; empty if there was none.
    """

    def __init__(self) -> None:
        self.western = ""
        self._spellings: dict[str, str] = {}  # of labels, by their normal form

    def label(self, value: Any) -> str:
        """Returns a label as it was first written; empty for an empty cell."""
        name = self.text(value)
        return self._spellings.setdefault(normal(name), name)

    def text(self, value: Any) -> str:
        """Returns a cell as text; empty for an empty cell."""
        if isinstance(value, (dict, list, bytes)):
            raise DataError(f"holds {value!r:.60}; expected text.")
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # whole numbers become 1.0 in a column that lacks some
        if not isinstance(value, str):
            value = str(value) if filled(value) else ""
        text: str = value.strip()
        if text.isascii():
            return text
        if not has_escaped_bytes(text):
            text.encode()  # JSON can escape half of a surrogate pair
            return text
        found = western(text)
        if found is None:
            shown = ascii(text).replace(r"\udc", r"\x")
            raise DataError(
                f"holds {shown:.60}, neither UTF-8 nor Windows-1252; {SAVE_AS_UTF8}"
            )
        self.western = self.western or found
        return found

    def other(self, value: Any) -> str:
        """Returns a cell of a column that may not be needed, whatever it holds."""
        try:
            return self.text(value)
        except (DataError, UnicodeEncodeError):
            return "" if not isinstance(value, str) else _utf8(value)


def check(spec: str) -> None:
    """Raises a DataError if a table cannot be read, or lacks a column that it needs."""
    columns_of(spec)


def columns_of(spec: str) -> Columns:
    """Returns what the columns of a table are for.

    Raises:
        DataError: if it cannot be read, or lacks a column that it needs.
    """
    return choose_columns(spec, _open(spec))


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the images of a table with the columns path, label and perhaps split.

    Paths are relative to the table's folder; what they mean is found as `WrittenPaths`
    says. Where a row has several labels, separated by `|`, or a list of them, the whole
    data set is multi-label, and an image may have no label. A file that does not exist
    becomes an example that cannot be read. Rows about the same file become one example.
    The reporter is told of columns that look like splits or instructions.

    Raises:
        DataError: if the table cannot be read or understood; the message names the
            row.
    """
    columns, rows = read_rows(spec, reporter, boxes=False)
    multi_label = any(row.multi_label for row in rows)
    if not multi_label:
        _refuse_unlabelled(spec, rows)
    rows = _merge(spec, rows, multi_label)
    if not any(row.exists for row in rows):
        raise DataError(
            f"{spec} names {counted(len(rows), 'file')}, and none exists, such as "
            f"{rows[0].path}. {_way_out(spec, rows[0])}"
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
                Path(row.path),
            )
            for row in rows
        ),
        task=MULTI_LABEL if multi_label else CLASSIFICATION,
        columns={
            name: tuple(row.others[position] for row in rows)
            for position, name in enumerate(columns.others)
        },
    )


def read_rows(
    spec: str, reporter: Reporter, *, boxes: bool = True
) -> tuple[Columns, list[Row]]:
    """Returns the rows of a table, with their splits, and what its columns are for.

    Without `boxes`, no column is of a box. The reporter is told of columns that look
    like splits or instructions.

    Raises:
        DataError: if the table cannot be read or understood, or is empty; the message
            names the row.
    """
    table = _open(spec)
    columns = choose_columns(spec, table, boxes=boxes)
    cells = _Cells()
    rows = list(_rows(spec, table, columns, cells))
    if not rows:
        raise DataError(f"{spec} has no rows; expected one an image.")
    if cells.western:
        reporter.warn(
            f"{spec} is not in UTF-8, and was read as Windows-1252, such as "
            f"{cells.western!r}. If that is wrong, {SAVE_AS_UTF8} {spec}"
        )
    _tell_of_columns(spec, columns, names_of(table), reporter)
    if columns.split is None:
        rows = _with_splits(spec, rows, columns, reporter)
    return columns, _without_quotes(rows)


def _open(spec: str) -> Table:
    """Opens a table; one of RetinaNet's gets the names of its columns."""
    table = open_table(spec)
    return open_table(spec, BARE) if _is_bare(names_of(table)) else table


def _is_bare(cells: Sequence[str]) -> bool:
    path, *edges, _ = cells if len(cells) == len(BARE) else ("", "")
    numeric = all(edge.lstrip("-").replace(".", "", 1).isdigit() for edge in edges)
    return names_image(path) and (numeric or not any(cells[1:]))


def _tell_of_columns(
    spec: str, columns: Columns, names: Sequence[str], reporter: Reporter
) -> None:
    """Reports the columns that are not used, and look as if they should be."""
    if others := other_labels(columns, names):
        reporter.info(
            f"the labels of {spec} are those of its column {columns.label!r}, not of "
            f"{listed(map(repr, others))}. To use another, call it 'label', and the "
            "others differently."
        )
    used = {*columns.edges, *columns.size}
    for found, advice in unused_instructions(n for n in names if n not in used):
        one = len(found) == 1
        reporter.warn(
            f"the column{'' if one else 's'} {listed(map(repr, found))} of {spec} "
            f"{'is' if one else 'are'} not used. {spelled(advice)}"
        )


def _with_splits(
    spec: str, rows: list[Row], columns: Columns, reporter: Reporter
) -> list[Row]:
    """Returns the rows with the splits that columns of other names tell, if any do."""
    found = find_splits(
        {
            name: [row.others[position] for row in rows]
            for position, name in enumerate(columns.others)
        }
    )
    for name, what in found.unclear:
        reporter.warn(
            f"the column {name!r} of {spec} is not used to split. {what}. "
            f"{advice_on_division(name)}"
        )
    if not found.columns:
        return rows
    one = len(found.columns) == 1
    reporter.info(
        f"the column{'' if one else 's'} {listed(map(repr, found.columns))} of {spec} "
        f"{'tells' if one else 'tell'} the splits. To split anew, leave "
        f"{'it' if one else 'them'} out"
    )
    return [
        row._replace(split=split) for row, split in zip(rows, found.splits, strict=True)
    ]


def _without_quotes(rows: list[Row]) -> list[Row]:
    """Returns the rows without quotation marks that are around every label.

    CSV knows double ones alone, and they are no part of its cells.
    """
    if not all(_is_in_quotes(name) for row in rows for name in row.labels):
        return rows
    return [
        row._replace(labels=tuple(name[1:-1].strip() for name in row.labels))
        for row in rows
    ]


def _is_in_quotes(name: str) -> bool:
    return len(name) > 2 and name[0] + name[-1] in QUOTATION_MARKS


def _rows(spec: str, table: Table, columns: Columns, cells: _Cells) -> Iterator[Row]:
    paths = _Paths(os.path.dirname(spec))
    for number, values in _values(spec, table, columns.names):
        if not any(isinstance(value, list) or filled(value) for value in values):
            continue  # spreadsheets may write rows of empty cells
        try:
            yield _row(paths, number, values, columns, cells)
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


def _row(
    paths: _Paths,
    number: int,
    values: Sequence[Any],
    columns: Columns,
    cells: _Cells,
) -> Row:
    written, label, *others = values
    split = others.pop(0) if columns.split else None
    edges, others = others[: len(columns.edges)], others[len(columns.edges) :]
    size, others = others[: len(columns.size)], others[len(columns.size) :]
    written = _checked_path(written)
    path = os.path.join(paths.folder, written)
    if (file := _identity(path)) is None:
        try:
            written = paths.corrected(written)
        except DataError as error:
            raise DataError(
                f"has the path {written!r}, which {error}. Write it in full."
            ) from error
        path = os.path.join(paths.folder, written)
        file = _identity(path)
    id = paths.id(written)
    labels = label if isinstance(label, list) else _split_labels(cells.text(label))
    names = {name for each in labels if (name := cells.label(each))}
    return Row(
        number=number,
        id=id,
        path=path,
        file=file or id,
        exists=file is not None,
        labels=tuple(sorted(names)),
        multi_label=isinstance(label, list) or len(labels) > 1,
        split=_split(cells.text(split)),
        others=tuple(map(cells.other, others)),
        edges=tuple(edges),
        size=tuple(size),
    )


def _split_labels(text: str) -> list[str]:
    if _WRITTEN_LIST.fullmatch(text):
        raise DataError(
            f"has the label {text!r:.60}, which is a list; expected its labels with "
            f"{LABEL_SEPARATOR} between them, such as rose{LABEL_SEPARATOR}red."
        )
    return text.split(LABEL_SEPARATOR)


def filled(value: Any) -> bool:
    """Tells whether a cell has a value."""
    # Numeric tables may hold NaN, which differs from itself, for a missing value.
    return value is not None and value == value and bool(str(value).strip())


def _checked_path(path: Any) -> str:
    if not filled(path):
        raise DataError("has no path. Fill it in, or delete the row.")
    if not isinstance(path, str):
        raise DataError(f"has the path {path!r:.60}; expected text.")
    if _ADDRESS.match(path.strip()):
        raise DataError(
            f"names an address, {path}; expected a file. Download the images, and "
            "write where they are."
        )
    if "\0" in path:
        raise DataError(f"has the path {path!r}, which no file can have.")
    return path


def _utf8(name: str) -> str:
    try:
        return utf8_name(name)
    except UnicodeEncodeError:  # names of files have no such character here
        name.encode()
        return name


def _identity(path: str) -> Hashable:
    """Returns what two spellings of a file's path have in common; None for no file.

    A link, and a file of several names, may be meant to count for each name, as files
    of the same content do.
    """
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_ino:
        return found.st_dev, found.st_ino
    return os.path.abspath(path) if os.path.isfile(path) else None


def _way_out(spec: str, row: Row) -> str:
    """Returns what to do where no file of a table exists."""
    folder = Path(spec).parent
    parts = re.split(r"[/\\]", row.id)
    tails = ["/".join(parts[begin:]) for begin in range(1, len(parts))]
    below = sorted(folder.glob("*/"))  # without an error where it cannot be listed
    places = [(folder, tail) for tail in tails]
    for place, name in [*places, *((place, parts[-1]) for place in below)]:
        with suppress(DataError):  # it may mean several files
            found = WrittenPaths(str(place)).find(name)
            if os.path.isfile(found):
                return f"{found} exists. {FROM_THE_TABLE}"
    return FROM_THE_TABLE


def _split(word: str) -> str | None:
    if not word:
        return None
    try:
        return SPLIT_BY_WORD[word.lower()]
    except KeyError:
        raise DataError(
            f"has the split {word!r}.{suggestion(word, SPLIT_BY_WORD)}"
        ) from None


def _refuse_unlabelled(spec: str, rows: Sequence[Row]) -> None:
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


def _merge(spec: str, rows: Iterable[Row], multi_label: bool) -> list[Row]:
    """Returns one row for each image; refuses rows that contradict each other."""
    images: dict[Hashable, Row] = {}
    for row in rows:
        first = images.setdefault(row.file, row)
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
                f"{both} of two classes, {listed(names)}. Keep one row; or, if "
                f"images may have several labels, write {LABEL_SEPARATOR.join(names)}."
            )
        labels = tuple(sorted({*first.labels, *row.labels}))
        images[row.file] = first._replace(labels=labels)
    return list(images.values())
