"""The cache directory, and its entries, which are complete and one's own, or absent.

Who can write an entry can change what is answered, and its hashes with it. So entries
are made such that only their owner can write them, whatever the umask is, and one that
others can have written is made anew.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import platformdirs

from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.files import TEMPORARY, flush_all, name_file, read_json_with_hash, user_dir
from cnnxfer.records import Record
from cnnxfer.reporting import Reporter
from cnnxfer.trust import KEPT_DIRECTORY, distrust, take_from_others

ADVICE = "Set CNNXFER_CACHE to a directory of your own."
_warned: set[Path] = set()  # cache directories


def cache_dir() -> Path:
    """Returns cnnxfer's cache directory, and creates it if it does not exist.

    It is `CNNXFER_CACHE`, or else the user's cache directory. Others may be able to
    write it, since each entry in it is checked.

    Raises:
        ConfigError: if it cannot be created.
    """
    path = user_dir("CNNXFER_CACHE", partial(platformdirs.user_cache_dir, "cnnxfer"))
    try:
        path.mkdir(mode=KEPT_DIRECTORY, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the cache directory {path} cannot be created ({error.strerror}). "
            "Set CNNXFER_CACHE to a directory that can be written."
        ) from error
    return path


def entry_problem(path: Path) -> str:
    """Returns why an entry of the cache must not be used; "" if it may be.

    Looked at are the entry, the files directly in it, and the directories between it
    and the cache directory. One that is not there has no problem.
    """
    if not os.path.lexists(path):
        return ""
    inside: list[Path] = []
    with suppress(OSError):  # a file, or nothing
        inside = sorted(path.iterdir())
    for part in (*_with_parents(path), *inside):
        if why := distrust(part):
            return f"{part} {why}"
    return ""


def is_trusted(path: Path, reporter: Reporter) -> bool:
    """Returns whether nobody else can have written an entry of the cache.

    The reporter warns of the first one that others can have written.
    """
    problem = entry_problem(path)
    if problem and cache_dir() not in _warned:
        _warned.add(cache_dir())
        reporter.warn(
            f"{problem}. What others can have written in the cache is not used, but "
            "made anew. Set CNNXFER_CACHE to a directory that only you can write."
        )
    return not problem


def read_cached_json(
    path: Path, kind: type[Record], reporter: Reporter
) -> Record | None:
    """Returns a document that `write_json_with_hash` wrote into the cache, as a type.

    It is None if it is missing, was changed, or can have been written by others.
    """
    return read_json_with_hash(path, kind) if is_trusted(path, reporter) else None


def own_directory(path: Path) -> Path:
    """Makes a directory of the cache that nobody else can write, and returns it.

    Those that exist, and that earlier versions made under a umask of 002, are mended.

    Raises:
        ConfigError: if it, or one between it and the cache directory, is another's.
        OSError: if it cannot be made.
    """
    for part in reversed(_with_parents(path)):
        part.mkdir(mode=KEPT_DIRECTORY, parents=True, exist_ok=True)
        take_from_others(part)
        if why := distrust(part):
            raise ConfigError(f"{part} {why}, so nothing is kept in it. {ADVICE}")
    return path


def remove_entry(path: Path) -> None:
    """Removes an entry of the cache, if it exists.

    Raises:
        ConfigError: if it cannot be removed, as where it is another's.
    """
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be removed ({reason_of(error)}). {ADVICE}"
        ) from error


def cached_directory(
    path: Path,
    fill: Callable[[Path], None],
    reporter: Reporter,
    is_whole: Callable[[Path], bool] = Path.exists,
) -> Path:
    """Returns `path`, and fills it with `fill(directory)` first if it does not exist.

    The directory is filled under a temporary name and then renamed, so that it is
    complete whenever it exists. A second process that needs it at the same time
    waits for the first. One that others can have written is filled anew.

    Args:
        path: the directory, in the cache.
        fill: writes what belongs into an empty directory.
        reporter: warns of a directory that others can have written.
        is_whole: tells whether an existing directory can be used; one that cannot is
            filled anew, too.

    Raises:
        ConfigError: if what others can have written cannot be removed.
        OSError: if the directory cannot be written; its `filename` is `path`.
    """
    trusted = is_trusted(path, reporter)
    if trusted and is_whole(path):  # reading needs no lock
        return path
    from filelock import FileLock  # slow to import

    own_directory(path.parent)  # now it may seem trusted
    temporary = path.parent / f"{TEMPORARY}{path.name}"
    with FileLock(path.parent / f".{path.name}.lock"):
        shutil.rmtree(temporary, ignore_errors=True)  # left by a killed process
        if not (trusted and is_whole(path)):
            remove_entry(path)
            try:
                temporary.mkdir()
                fill(temporary)
                files = []
                for directory, _, names in os.walk(temporary):
                    take_from_others(Path(directory))
                    for name in names:
                        take_from_others(Path(directory, name))
                        files.append(Path(directory, name))
                flush_all(files)
                os.replace(temporary, path)
            except OSError as error:
                name_file(error, path)
                raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return path


def _with_parents(path: Path) -> list[Path]:
    """Returns a path and the directories between it and the cache directory."""
    root = cache_dir()
    parents: Iterator[Path] = (part for part in path.parents if root in part.parents)
    return [path, *parents]
