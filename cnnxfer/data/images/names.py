"""Tells by their names which files in a folder or an archive are images."""

from cnnxfer.data.images.decode import SUFFIXES

# The last two cannot be decoded, but are images; so they are reported, not left out.
IMAGE_SUFFIXES = (*SUFFIXES, ".jp2", ".jxl")
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


def is_other_file(name: str, problem: str) -> bool:
    """Tells whether an unreadable file is no image, not even a broken one.

    So it is if neither its name nor its first bytes are those of an image.
    """
    is_named = name.lower().endswith(IMAGE_SUFFIXES)
    return problem.startswith(NOT_AN_IMAGE) and not is_named


def member_names_image(name: str) -> bool:
    """Tells whether a file in an archive may hold an image, by its whole name."""
    *folders, last = name.replace("\\", "/").split("/")
    # Names in archives may begin with "./", and in odd ones with "../".
    folders = [folder for folder in folders if folder not in (".", "..")]
    return names_image(last) and not any(is_hidden(folder) for folder in folders)
