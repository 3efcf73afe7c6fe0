"""Which names in a folder or an archive are those of images."""

from __future__ import annotations

from cnnxfer.data.images.decode import SUFFIXES

# No decoder is at hand for the last two, but nobody should take them for done.
IMAGE_SUFFIXES = (*SUFFIXES, ".jp2", ".jxl")
# What systems keep for themselves, in lower case: no pictures of anybody's.
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
    """Tells whether a file or a folder is to be left out, by its bare name."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def names_image(name: str) -> bool:
    """Tells whether a file may hold an image, by its bare name."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not is_hidden(name)


def member_names_image(name: str) -> bool:
    """Tells whether a file in an archive may hold an image, by its whole name."""
    *folders, last = name.replace("\\", "/").split("/")
    # An archive of a folder's content may call it "./a.jpg", and a strange one "../".
    folders = [folder for folder in folders if folder not in (".", "..")]
    return names_image(last) and not any(is_hidden(folder) for folder in folders)
