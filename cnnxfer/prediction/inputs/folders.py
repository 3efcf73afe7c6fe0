"""Reader of the images in a folder and, if asked for, in the folders below it."""

import os
from collections.abc import Iterator

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.decode import SUFFIXES
from cnnxfer.data.images.folders import walk_folders
from cnnxfer.data.images.names import is_image_file
from cnnxfer.data.images.passed_over import CIRCULAR, HIDDEN, OTHER, PassedOver
from cnnxfer.data.images.source import ImageSource, file_source, unreadable_source
from cnnxfer.errors import DataError, reason_of
from cnnxfer.spelling import option


def check(item: str, options: InputOptions) -> None:
    """Checks that a folder can be listed and holds an image; see `Reader.check`."""
    try:
        os.scandir(item).close()
    except OSError as error:
        raise DataError(f"{item} cannot be listed: {reason_of(error)}.") from error
    passed_over = PassedOver()
    if next(walk(item, options, passed_over), None) is None:
        deeper = option("--recursive", True)
        below = "" if options.recursive else f" Look below it with {deeper}."
        line = passed_over.line()
        raise DataError(
            f"{item} holds no images; expected {', '.join(SUFFIXES)} files, or others "
            f"that begin as images do{line and f' ({line})'}.{below}"
        )


def walk(
    item: str, options: InputOptions, passed_over: PassedOver
) -> Iterator[ImageSource]:
    """Yields the images sorted by name, those of a folder before those below it.

    Which files are images, `is_image_file` tells. A subfolder that cannot be listed
    becomes an unreadable image.
    """
    for folder in walk_folders(item):
        if folder.problem is not None:
            reason = f"cannot be listed: {reason_of(folder.problem)}"
            yield unreadable_source(folder.path, reason)
            continue
        for kind, names in ((HIDDEN, folder.hidden), (CIRCULAR, folder.circular)):
            for name in names:
                passed_over.add(kind, os.path.join(folder.path, name))
        for name in folder.files:
            path = os.path.join(folder.path, name)
            if is_image_file(path):
                yield file_source(path)
            else:
                passed_over.add(OTHER, path)
        if not options.recursive:
            return


def count(item: str, options: InputOptions) -> int:
    """Returns how many images the folder holds now."""
    return sum(1 for _ in walk(item, options, PassedOver()))
