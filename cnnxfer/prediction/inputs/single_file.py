"""Reader of a single file that is named itself, whatever its suffix."""

from collections.abc import Iterator

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.data.images.source import ImageSource, file_source, unreadable_source


def check(item: str, options: InputOptions) -> None:
    """Accepts any file; one that cannot be read becomes an unreadable image."""


def walk(
    item: str, options: InputOptions, passed_over: PassedOver
) -> Iterator[ImageSource]:
    """Yields the file as one image."""
    if "\0" in item:  # no file system has such a name, and Python refuses it
        yield unreadable_source(item, "no such file or directory")
    else:
        yield file_source(item)


def count(item: str, options: InputOptions) -> int:
    """Returns one."""
    return 1
