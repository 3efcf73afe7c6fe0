"""Tells by their names which files in a folder or an archive are images."""

import os
import stat

from cnnxfer.data.images.decode import SUFFIXES, other_file

START_BYTES = 256  # of a file; they show what it is
# The last one cannot be decoded, but is an image; so it is reported, not left out.
IMAGE_SUFFIXES = (*SUFFIXES, ".jxl")
# How the reasons begin why a file that is no image, not even a broken one, is not read.
NOT_AN_IMAGE = ("not an image", "SVG ", "empty file")
# Files and folders of operating systems, in lower case, which hold no user's images.
SYSTEM_NAMES = frozenset(
    {
        "__macosx",
        "$recycle.bin",
        "@eadir",  # thumbnails, on network drives
        "desktop.ini",
        "ehthumbs.db",
        "icon\r",
        "lost+found",
        "system volume information",
        "thumbs.db",
    }
)


def is_hidden(name: str) -> bool:
    """Tells whether a file or folder is hidden or the system's, by its bare name."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def names_image(name: str) -> bool:
    """Tells whether a file may hold an image, by its bare name."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(name)


def is_image_file(path: str) -> bool:
    """Tells whether a file is an image by its name, or else by its first bytes.

    A file that cannot be opened may be one.
    """
    if names_image(os.path.basename(path)):
        return True
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # reading from a pipe would wait
            return False
        with open(path, "rb") as stream:
            return begins_as_image(stream.read(START_BYTES))
    except OSError:
        return True


def begins_as_image(start: bytes) -> bool:
    """Tells whether the first `START_BYTES` of a file, or more, are an image's.

    Only signatures are compared: nothing is decoded.
    """
    return bool(start) and not (other_file(start) or "").startswith(NOT_AN_IMAGE)


def is_other_file(name: str, problem: str) -> bool:
    """Tells whether an unreadable file is no image, not even a broken one.

    So it is if neither its name nor its first bytes are those of an image.
    """
    is_named = name.lower().endswith(IMAGE_SUFFIXES)
    return problem.startswith(NOT_AN_IMAGE) and not is_named


def member_is_hidden(name: str) -> bool:
    """Tells whether a file in an archive is hidden, by its whole name."""
    parts = name.replace("\\", "/").split("/")
    # Names in archives may begin with "./", and in odd ones with "../".
    return any(is_hidden(part) for part in parts if part not in (".", ".."))
