"""What the columns of a table of paths and labels mean, by their names and values."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION
from cnnxfer.data.images.names import names_image
from cnnxfer.data.sources.split_folders import SPLIT_BY_WORD
from cnnxfer.data.tables import (
    PATH_NAMES,
    TEXT,
    Table,
    column_key,
    columns_called,
    names_of,
)
from cnnxfer.errors import DataError
from cnnxfer.registry import did_you_mean
from cnnxfer.reporting import listed
from cnnxfer.spelling import option

LABEL_NAMES = ("label", "labels", "class", "classname")
# In a table of boxes, also these.
OBJECT_NAMES = ("name", "category", "categoryname", "labelname", "objectname")
SPLIT_NAMES = ("split",)
# Keys of the columns of a box: its edges, or its upper left corner and its size.
EDGES = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
CORNER_AND_SIZE = (
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
    ("xmin", "ymin", "w", "h"),
    ("xmin", "ymin", "width", "height"),
    ("left", "top", "width", "height"),
)
# And of those of the size of the image, where they are not the box's.
IMAGE_SIZE = (
    ("imagewidth", "imageheight"),
    ("imgwidth", "imgheight"),
    ("width", "height"),
)
# Columns of truth values that tell a split. Where none is true, an image is for train.
FLAGS = {
    "isvalid": VALIDATION,
    "isval": VALIDATION,
    "isvalidation": VALIDATION,
    "istest": TEST,
}
TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0", ""), False),
}
# Keys of columns that may divide the images, though it is not clear how.
DIVIDING = re.compile(
    r"set|(data|train(val)?test)?splits?|subset|partition|usage|(cv|k)?folds?|"
    r"is(train|valid|val|test).*"
)
OTHER_THAN_TRAIN = re.compile("val|dev|test|hold")  # in what other splits are called
MAX_SHOWN_VALUES = 4
# Columns that look like instructions which cnnxfer does not follow: what to do instead.
UNUSED = {
    r"(sample|image)?(weight|importance)s?": "An image has no weight of its own; see "
    "{--class-weights}.",
    r"bbox(es)?|box(es)?|boundingbox(es)?|[xy](min|max|1|2)|(left|top|right|bottom)": (
        "Boxes are read from four columns: xmin, ymin, xmax and ymax."
    ),
    r"masks?|segmentations?|polygons?|maskpath": "Each image is looked at as a whole.",
    r"(is)?(exclude|ignore|skip|drop|bad|corrupt|keep|use)d?": "All rows count. Delete "
    "the others, or list their images for {--exclude}.",
    r"rotat(e|ion)|angle|flip|orientation": "Images are seen as their files say.",
}


@dataclass(frozen=True)
class Columns:
    """What the columns are for, by their names.

    Attributes:
        path: that of each image's path.
        label: that of its label, or of the class of an object.
        split: that of its split; None if there is none.
        others: those of single values that are not used.
        edges: those of an object's left, top, right and bottom edge; or of its left and
            upper edge, its width and its height. Empty without boxes.
        are_sizes: whether the last two edges are the width and the height.
        size: those of the image's width and height; empty if there are none.
    """

    path: str
    label: str
    split: str | None
    others: tuple[str, ...]
    edges: tuple[str, ...] = ()
    are_sizes: bool = False
    size: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, in the order of the attributes, with the others last."""
        roles = filter(None, (self.path, self.label, self.split))
        return (*roles, *self.edges, *self.size, *self.others)


def choose_columns(spec: str, table: Table, *, boxes: bool = True) -> Columns:
    """Returns what the columns of a table are for; without `boxes`, none is of a box.

    Raises:
        DataError: if it lacks one that is needed, or several may be meant.
    """
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
    edges, are_sizes, size = box_columns(names if boxes else ())
    path = _find(spec, names, PATH_NAMES)
    label = _find(spec, names, (*LABEL_NAMES, *(OBJECT_NAMES if edges else ())))
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
    others = dict.fromkeys(column.name for column in table.columns if column.simple)
    used = (path, label, split, *edges, *size)
    left = tuple(name for name in others if name and name not in used)
    return Columns(path, label, split, left, edges, are_sizes, size)


def box_columns(
    names: Iterable[str],
) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """Returns the columns of a box, whether two are its size, and those of the image's.

    A name may begin with `bbox` or `box`. Where the edges have columns of their own,
    `width` and `height` are those of the image.
    """
    keys = {re.sub("^b?box", "", column_key(name)): name for name in names}

    def first(choices: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        found = next((choice for choice in choices if keys.keys() >= set(choice)), ())
        return tuple(keys.pop(key) for key in found)

    edges = first(EDGES)
    if are_sizes := not edges:
        edges = first(CORNER_AND_SIZE)
    return edges, are_sizes, first(IMAGE_SIZE) if edges else ()


def _find(spec: str, names: Iterable[str], words: Sequence[str]) -> str | None:
    """Returns the column that has the first of the names, or else another of them."""
    found = columns_called(words, names)
    if len(found) > 1:
        raise DataError(
            f"{spec} has the columns {listed(map(repr, found))}; any may be the "
            f"{words[0]}. Call one of them {words[0]!r}, and the others differently."
        )
    return found[0] if found else None


def other_labels(columns: Columns, names: Iterable[str]) -> list[str]:
    """Returns the columns that look like labels, too, beside the one that is used."""
    return [
        name
        for name in names
        if name not in (columns.path, columns.label, columns.split)
        and re.fullmatch(r".*(label|class|category)s?(name|id)?\d*", column_key(name))
    ]


def unused_instructions(names: Iterable[str]) -> Iterator[tuple[list[str], str]]:
    """Yields columns that look like instructions, and what to do as they are unused.

    What braces enclose is an option, for `spelling.spelled`.
    """
    names = list(names)
    for pattern, advice in UNUSED.items():
        found = [name for name in names if re.fullmatch(pattern, column_key(name))]
        if found:
            yield found, advice


@dataclass(frozen=True)
class FoundSplits:
    """The splits that columns tell which are not called so.

    Attributes:
        columns: their names; empty if there are none.
        splits: the split of each row.
        unclear: columns that divide the images, though it is not clear how, each with
            what to do.
    """

    columns: tuple[str, ...] = ()
    splits: tuple[str | None, ...] = ()
    unclear: tuple[tuple[str, str], ...] = ()


def find_splits(columns: Mapping[str, Sequence[str]]) -> FoundSplits:
    """Returns the splits that columns with other names tell, if that is unambiguous.

    Such a column has the words train and validation or test, or is called `is_valid` or
    `is_test` and has truth values, of which no more than half are true.

    Args:
        columns: the values of each column, by its name.
    """
    proposals: dict[tuple[str | None, ...], tuple[str, ...]] = {}
    for name, values in columns.items():
        if splits := _by_words(values):
            proposals.setdefault(splits, (name,))
    flags = {
        name: values
        for name, values in columns.items()
        if column_key(name) in FLAGS and _are_flags(values)
    }
    if flags:
        proposals.setdefault(_by_flags(flags), tuple(flags))
    if len(proposals) == 1:
        ((splits, names),) = proposals.items()
        return FoundSplits(names, splits)
    unclear = {name: "They differ" for names in proposals.values() for name in names}
    for name, values in columns.items():
        if name not in unclear and _divides(name, values):
            unclear[name] = _shown(values)
    return FoundSplits(unclear=tuple(unclear.items()))


def advice_on_division(name: str) -> str:
    """Returns how to use a column that may divide the images."""
    if "fold" in column_key(name):
        group = option("--group-by", name)
        return f"To keep the images of a fold in one split, use {group}."
    return "For splits of your own, call it 'split', with train, validation and test."


def _by_words(values: Sequence[str]) -> tuple[str | None, ...]:
    meant = {value: SPLIT_BY_WORD.get(value.lower()) for value in set(values)}
    found = {*meant.values()} - {None}
    known = all(split or not value for value, split in meant.items())
    several = TRAIN in found and len(found) > 1
    return tuple(map(meant.get, values)) if known and several else ()


def _are_flags(values: Sequence[str]) -> bool:
    """Tells whether there are truth values, and no more true ones than others."""
    meant = {value: TRUTH.get(value.lower()) for value in set(values)}
    true = sum(meant[value] is True for value in values)
    return None not in meant.values() and 0 < true <= len(values) / 2


def _by_flags(columns: Mapping[str, Sequence[str]]) -> tuple[str | None, ...]:
    splits: list[str | None] = []
    for row in zip(*columns.values(), strict=True):
        true = (
            FLAGS[column_key(name)]
            for name, value in zip(columns, row, strict=True)
            if TRUTH[value.lower()]
        )
        splits.append(next(true, TRAIN))
    return tuple(splits)


def _divides(name: str, values: Sequence[str]) -> bool:
    distinct = {value.lower() for value in set(values) - {""}}
    few = 1 < len(distinct) <= max(10, len(values) // 10)
    is_told = not distinct.isdisjoint(("train", "training")) and any(
        map(OTHER_THAN_TRAIN.search, distinct)
    )
    return few and (is_told or DIVIDING.fullmatch(column_key(name)) is not None)


def _shown(values: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(value for value in values if value))
    more = ", ..." if len(distinct) > MAX_SHOWN_VALUES else ""
    return f"It has {', '.join(distinct[:MAX_SHOWN_VALUES])}{more}"
