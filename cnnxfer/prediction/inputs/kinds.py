"""The kinds of input, and how the kind of an input is found."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data import archives
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.data.images.source import ImageSource


class Reader(Protocol):
    """The functions that the module of a kind of input defines."""

    def check(self, item: str, options: InputOptions) -> None:
        """Checks an input that the user typed.

        Raises:
            DataError: if it cannot be used; the message says what to do next.
        """

    def walk(
        self, item: str, options: InputOptions, passed_over: PassedOver
    ) -> Iterator[ImageSource]:
        """Yields the images of an input; each error becomes an unreadable image.

        What it passes over, it adds to `passed_over`.
        """

    def count(self, item: str, options: InputOptions) -> int | None:
        """Returns how many images `walk` yields; None if that is slow to count."""


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        module: name of the module that reads it, which is a `Reader`.
        accepts: returns whether an input is of this kind; opens nothing.
        listed: whether a list or a table may name such inputs.
    """

    module: str
    accepts: Callable[[str], bool]
    listed: bool = True

    def load(self) -> Reader:
        """Imports and returns the module."""
        return cast(Reader, import_module(self.module))


def is_web_address(item: str) -> bool:
    """Returns whether an input is a web address rather than a path."""
    return item.lower().startswith(("http://", "https://"))


def _file_ending_in(*suffixes: str) -> Callable[[str], bool]:
    return lambda item: item.lower().endswith(suffixes) and os.path.isfile(item)


# An input is read by the first kind that accepts it.
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
    FOLDER := Kind(
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
        module="cnnxfer.prediction.inputs.single_file",
        accepts=os.path.lexists,  # a dangling link becomes an unreadable image
    ),
    Kind(
        module="cnnxfer.prediction.inputs.lists",
        accepts=lambda item: item.startswith("@"),
        listed=False,
    ),
)


def find_kind(item: str) -> Kind | None:
    """Returns the kind of an input that the user typed; None if it must be a glob."""
    return next((kind for kind in KINDS if kind.accepts(item)), None)


def find_listed_kind(item: str) -> Kind:
    """Returns the kind of an entry of a list; a file if it is of no other kind."""
    return next((kind for kind in KINDS if kind.listed and kind.accepts(item)), FILE)
