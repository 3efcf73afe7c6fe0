"""Lists folders with all that lies below them, in one way for every command."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cnnxfer.data.images.names import is_hidden

MAX_LINKS = 2  # to folders, in one path: such as of a split and of a class in it


@dataclass
class Folder:
    """The names in one folder, sorted.

    Attributes:
        path: the folder, as a path that begins with the one that was given.
        files: whatever is no folder: files, links to files and to nothing, pipes.
        folders: those that are looked into in their turn.
        hidden: hidden and system files and folders; those of folders end in a slash.
        circular: links to folders that would lead around in circles.
        problem: why the folder cannot be listed; None if it can.
    """

    path: str
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    circular: list[str] = field(default_factory=list)
    problem: OSError | None = None


def walk_folders(path: str) -> Iterator[Folder]:
    """Yields a folder and those below it, each before those that it holds.

    Links to folders are followed, unless they lead to a folder around them, or two
    others have been followed already. Hidden folders are not looked into. Each folder
    is listed when it is asked for.
    """
    # Each with the real paths of the folders whose links led to it.
    pending: list[tuple[str, Sequence[str]]] = [(path, ())]
    while pending:
        path, linked_from = pending.pop()
        folder, links = _list(path, linked_from)
        yield folder
        for name in reversed(folder.folders):
            pending.append((os.path.join(path, name), links.get(name, linked_from)))


def _list(
    path: str, linked_from: Sequence[str]
) -> tuple[Folder, dict[str, Sequence[str]]]:
    """Returns what a folder holds, and where each link in it was followed from."""
    folder = Folder(path)
    links: dict[str, Sequence[str]] = {}
    try:
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        folder.problem = error
        return folder, links
    for entry in found:
        is_link = entry.is_symlink()
        # `entry.is_dir` raises for a link that leads to itself.
        if not (os.path.isdir(entry.path) if is_link else entry.is_dir()):
            names = folder.hidden if is_hidden(entry.name) else folder.files
            names.append(entry.name)
        elif is_hidden(entry.name):
            folder.hidden.append(f"{entry.name}/")
        elif not is_link:
            folder.folders.append(entry.name)
        else:
            around = (*linked_from, os.path.realpath(path))
            if len(around) > MAX_LINKS or _leads_back(entry.path, around):
                folder.circular.append(entry.name)
            else:
                folder.folders.append(entry.name)
                links[entry.name] = around
    return folder, links


def _leads_back(link: str, around: Sequence[str]) -> bool:
    target = os.path.realpath(link)
    return any(os.path.commonpath([target, place]) == target for place in around)
