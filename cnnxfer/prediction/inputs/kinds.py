"""The kinds of input, one a file; what was typed finds its kind here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from cnnxfer.data import archives
from cnnxfer.data.images.source import ImageSource


@dataclass(frozen=True)
class InputOptions:
    """How inputs are read.

    Attributes:
        recursive: whether folders are read with the folders below.
        column: which column of a table names the images; by default "path", or the
            only one.
        allow_private: whether addresses may lie in private networks or on this
            machine.
    """

    recursive: bool = True
    column: str | None = None
    allow_private: bool = False


DEFAULT_OPTIONS = InputOptions()


class Reader(Protocol):
    """What the module of a kind of input defines."""

    def check(self, item: str, options: InputOptions) -> None:
        """Raises a DataError with the next step if `item`, typed, can't be used."""

    def walk(self, item: str, options: InputOptions) -> Iterator[ImageSource]:
        """Yields the images; what fails is an unreadable one in its place."""

    def count(self, item: str, options: InputOptions) -> int | None:
        """Returns how many images `walk` yields; None if it isn't cheap to know."""


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        module: which reads it, a `Reader`.
        accepts: tells, without opening anything, whether an input is of this kind.
        listed: whether a list or a table may name such inputs.
    """

    module: str
    accepts: Callable[[str], bool]
    listed: bool = True

    def load(self) -> Reader:
        """Imports the module."""
        return cast(Reader, import_module(self.module))


def is_web_address(item: str) -> bool:
    """Tells whether an input is an address and no path."""
    return item.lower().startswith(("http://", "https://"))


def _file_ending_in(*suffixes: str) -> Callable[[str], bool]:
    return lambda item: item.lower().endswith(suffixes) and os.path.isfile(item)


# The first that accepts an input reads it.
KINDS = (
    Kind(
        module="cnnxfer.prediction.inputs.lists",
        accepts=lambda item: item == "-",
        listed=False,
    ),
    Kind(
        module="cnnxfer.prediction.inputs.web",
        accepts=is_web_address,
    ),
    Kind(
        module="cnnxfer.prediction.inputs.folders",
        accepts=os.path.isdir,
    ),
    Kind(
        module="cnnxfer.prediction.inputs.archives",
        accepts=_file_ending_in(*archives.SUFFIXES),
    ),
    TABLE := Kind(
        module="cnnxfer.prediction.inputs.tables",
        accepts=_file_ending_in(".csv", ".tsv", ".parquet"),
        listed=False,
    ),
    FILE := Kind(
        module="cnnxfer.prediction.inputs.files",
        accepts=os.path.lexists,  # a dangling link is reported in its place
    ),
    Kind(
        module="cnnxfer.prediction.inputs.lists",
        accepts=lambda item: item.startswith("@"),
        listed=False,
    ),
)


def find_kind(item: str) -> Kind | None:
    """Returns the kind of an input as typed; None if it can only be a glob."""
    return next((kind for kind in KINDS if kind.accepts(item)), None)


def find_listed_kind(item: str) -> Kind:
    """Returns the kind of an input that a list names: a file where it is no other."""
    return next((kind for kind in KINDS if kind.listed and kind.accepts(item)), FILE)
