"""Files that name the values or colours of masks, as several programs write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnxfer.data.class_mask import IGNORED
from cnnxfer.data.masks.mask_file import Colour
from cnnxfer.errors import DataError, reason_of
from cnnxfer.texts import read_text

# In the order in which they are looked for. CVAT writes labelmap.txt, CamVid has
# label_colors.txt and its copies class_dict.csv, fastai's copy of it codes.txt, and
# LabelMe's scripts take labels.txt.
CLASS_FILES = (
    *("masks.yaml", "masks.yml", "classes.txt", "labelmap.txt", "label_colors.txt"),
    *("class_dict.csv", "codes.txt", "labels.txt"),
)
MAX_BYTES = 1_000_000
LABELME_IGNORED = "__ignore__"  # LabelMe's first name, whose value is -1, or 255
FORMS = (
    "one name a line, in the order of the values; or a name and its colour, such as: "
    "road 128 64 128"
)
CHANNELS = ("red", "green", "blue")
_COLOUR = r"(?P<red>\d{1,3})[\s,;]+(?P<green>\d{1,3})[\s,;]+(?P<blue>\d{1,3})"
# The name ends before what separates it, so that a long row of that is read once.
_NAME_COLOUR = re.compile(rf"(?P<name>.*?[^\s,;:])[\s,;:]+{_COLOUR}(?:\s*:.*)?")
_COLOUR_NAME = re.compile(rf"{_COLOUR}[\s,;:]+(?P<name>.+)")
_VALUE_NAME = re.compile(r"(\d{1,3})\s*[:,;=\t]\s*(.+)")
_COMMENT = re.compile(r"#(\s.*)?")  # the name of a class may be #1


@dataclass(frozen=True)
class NamedValues:
    """What a file says of the values of masks.

    Attributes:
        names: the name of each value that has one.
        colours: the colour that stands for each value, from 0 on; empty where masks
            have the values themselves.
    """

    names: Mapping[int, str]
    colours: tuple[Colour, ...] = ()


def read_class_file(path: Path) -> NamedValues:
    """Returns the names of values, or of colours, that a file lists.

    It is a text, one class a line: a name, whose value is its place, from 0 on, as
    `predict --masks` writes it; a value and a name, with one of `:,;=` or a tab between
    them; or a name and a colour, in either order. Or it is YAML in which `names` or
    `classes` are a list, or a mapping of values to names.

    Raises:
        DataError: if it cannot be read, or says something else.
    """
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_BYTES:
            raise DataError(
                f"{path} has {size_bytes:,} bytes; a list of classes has at most "
                f"{MAX_BYTES:,}."
            )
        text = read_text(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason_of(error)}.") from error
    except UnicodeError as error:
        raise DataError(f"{path} is {error}; save it as UTF-8.") from error
    is_yaml = path.suffix.lower() in (".yaml", ".yml")
    named = _of_yaml(text, path) if is_yaml else _of_lines(text, path)
    if not named.names:
        raise DataError(f"{path} names no class; expected {FORMS}.")
    if max(named.names) > IGNORED or len(named.names) > IGNORED:
        raise DataError(
            f"{path} names {len(named.names):,} classes, of values up to "
            f"{max(named.names):,}; masks have at most {IGNORED}, of values up to "
            f"{IGNORED}."
        )
    return named


def _of_lines(text: str, path: Path) -> NamedValues:
    stripped = [line.strip() for line in re.split("\r\n?|\n", text)]
    lines = [line for line in stripped if line and not _COMMENT.fullmatch(line)]
    matches = [_NAME_COLOUR.fullmatch(x) or _COLOUR_NAME.fullmatch(x) for x in lines]
    if any(matches):
        if not matches[0]:  # the names of columns
            lines, matches = lines[1:], matches[1:]
        names, colours = [], []
        for line, match in zip(lines, matches, strict=True):
            levels = [int(match[it]) for it in CHANNELS] if match else []
            if not match or max(levels) > 255:
                raise DataError(
                    f"{path} has the line {line!r} among names with colours; expected "
                    "a name and red, green and blue, each from 0 to 255."
                )
            names.append(match["name"].strip())
            colours.append((levels[0], levels[1], levels[2]))
        return NamedValues(dict(enumerate(names)), tuple(colours))
    valued = [_VALUE_NAME.fullmatch(line) for line in lines]
    numbers = [int(match[1]) for match in valued if match]
    if len(set(numbers)) == len(lines):
        return NamedValues({int(match[1]): match[2] for match in valued if match})
    _refuse_gaps(stripped, lines, path)
    if lines and lines[0] == LABELME_IGNORED:
        lines = lines[1:]
    return NamedValues(dict(enumerate(lines)))


def _refuse_gaps(stripped: Sequence[str], names: Sequence[str], path: Path) -> None:
    """Raises a DataError if something stands between names, whose places count."""
    known = set(names)
    places = [place for place, line in enumerate(stripped) if line in known]
    between = stripped[places[0] : places[-1]] if places else []
    gap = next((line for line in between if line not in known), None)
    if gap is not None:
        what = f"the line {gap!r}" if gap else "an empty line"
        raise DataError(
            f"{path} has {what} between names, and it is not clear whether it counts "
            "as a value. Take it away, or write values before the names: 2: road"
        )


def _of_yaml(text: str, path: Path) -> NamedValues:
    import yaml

    try:
        document: Any = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        line = " ".join(str(error).split())
        raise DataError(f"{path} is not YAML: {line}.") from error
    found = None
    if isinstance(document, dict):
        found = document.get("names", document.get("classes"))
    if isinstance(found, Sequence) and not isinstance(found, str):
        found = dict(enumerate(found))
    if not isinstance(found, dict) or not all(
        type(value) is int and value >= 0 and isinstance(name, str | int | float)
        for value, name in found.items()
    ):
        raise DataError(
            f"{path} has no names of values; expected names: with a list, or with "
            "lines such as 1: road."
        )
    if switches := [name for name in found.values() if isinstance(name, bool)]:
        raise DataError(
            f"{path} has the name {switches[0]}, as YAML reads yes, no, on, off, true "
            "and false; put it into quotes."
        )
    return NamedValues({value: str(name) for value, name in found.items()})
