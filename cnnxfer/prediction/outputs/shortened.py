"""Paths that have to fit: what they have in common, and less of their middle."""

import re
from collections.abc import Sequence

from rich.cells import cell_len


def common_folder(paths: Sequence[str], separator: str = "/") -> str:
    """Returns the folder that all of some paths or web addresses lie in.

    It ends with the separator, and is empty if there is none.
    """
    folders = [path.split(separator)[:-1] for path in paths]
    shared: list[str] = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return separator.join([*shared, ""]) if any(shared) else ""


def shortened(path: str, width: int, dots: str = "…", separator: str = "/") -> str:
    """Returns a path that is at most so wide, without what has no room in its middle.

    Whole folders are left out first, then words of its name; words are cut only
    if whole ones leave half of the room empty.

    Args:
        path: the path, of printable characters.
        width: the room, in cells of a terminal.
        dots: what stands for the rest.
        separator: what stands between folders.
    """
    if cell_len(path) <= width:
        return path
    *_, name = folders = path.split(separator)
    words = re.findall(r"[^\W_]+|[\W_]", name)
    for parts, joint, least in (
        (folders, separator, 0),
        (words, "", width // 2),
        (list(name), "", 0),
    ):
        for kept in range(len(parts) - 1, 0, -1):
            first = kept // 2
            text = joint.join([*parts[:first], dots, *parts[first - kept :]])
            if least <= cell_len(text) <= width:
                return text
    return dots
