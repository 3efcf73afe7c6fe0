"""Who can have written a file. Hashes guard against damage, and this against people."""

import os
import stat
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IWGRP | stat.S_IWOTH  # the right to write of the group and of all
# The modes of what is read again: only its owner writes, whatever the umask is.
KEPT, KEPT_DIRECTORY = 0o644, 0o755


def distrust(path: Path) -> str:
    """Returns why others can have written a file or directory; "" if nobody can.

    Trusted is what this user or root owns, and what neither the group nor the world can
    write. A link must be theirs, too, as well as what it leads to. Where the system has
    no such owners (Windows), or nothing is there, the answer is "".

    Returns:
        A verb phrase, such as "belongs to alice".
    """
    if not hasattr(os, "geteuid"):
        return ""
    try:
        states = path.lstat(), path.stat()
    except OSError:
        return ""
    for state in states:
        if state.st_uid not in (0, os.geteuid()):
            return f"belongs to {_user_name(state.st_uid)}"
    if states[1].st_mode & OTHERS:
        mode = stat.S_IMODE(states[1].st_mode)
        return f"can be written by others (mode {mode:o})"
    return ""


def take_from_others(path: Path) -> None:
    """Takes the right to write one's own file or directory from group and world.

    It stays where the disk has no such rights; see `distrust`.
    """
    state = path.stat()
    own = hasattr(os, "geteuid") and state.st_uid == os.geteuid()
    if own and state.st_mode & OTHERS:
        with suppress(PermissionError):  # of a disk without permissions, such as FAT
            path.chmod(stat.S_IMODE(state.st_mode) & ~OTHERS)


def _user_name(number: int) -> str:
    import pwd  # not on Windows

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # as in containers
        return f"user {number}"
