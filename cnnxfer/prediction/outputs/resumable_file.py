"""JSONL that survives a kill: what was written is kept, and gone on with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from gzip import GzipFile
from itertools import islice
from pathlib import Path
from textwrap import shorten
from typing import Any

from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.files import atomic_path, cache_dir, file_hash, read_sealed, write_sealed
from cnnxfer.prediction.outputs.file import gzipped, is_gz
from cnnxfer.prediction.outputs.jsonl import write_jsonl
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted


class ResumableFile:
    """A JSONL file that is being written under another name; see `open_resumable_file`.

    Attributes:
        path: where the whole file will be.
        done: how many predictions were there from before.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.done = 0
        self._part = _part(path)
        self._settings = settings

    def earlier(self, sources: Iterator[ImageSource]) -> Iterator[Prediction]:
        """Yields what was there from before, and leaves the rest of the sources.

        Args:
            sources: the images, in the order of the inputs; one is taken from them
                for each file that is done.

        Raises:
            DataError: if the images are others, or in another order.
        """
        min_confidence = self._settings.get("min_confidence")
        source = None
        with self._part.open("rb") as stream:
            for number, line in enumerate(islice(stream, self.done), start=1):
                prediction = _read(line, min_confidence)
                assert prediction is not None  # it has been read before
                if not prediction.frame:
                    source = next(sources, None)
                if source is None or source.name != prediction.path:
                    now = "there is none" if source is None else f"it is {source.name}"
                    raise DataError(
                        f"{self._part} is of other images: its line {number} is of "
                        f"{prediction.path}, and now {now}. Name the same inputs. To "
                        f"start from the beginning, remove {self._part} and leave "
                        "--resume out."
                    )
                yield replace(prediction, source=source)

    def write(self, predictions: Iterable[Prediction]) -> None:
        """Adds all but the first `done` predictions; then the file is whole.

        Each is written out as soon as it is there. If an error ends them, what was
        written is kept.

        Args:
            predictions: all of them, those from before included.

        Raises:
            OSError: if it cannot be written.
        """
        with self._part.open("a", encoding="utf-8", newline="\n") as stream:
            write_jsonl(islice(predictions, self.done, None), stream)
        if is_gz(self.path):
            with (
                self._part.open("rb") as content,
                atomic_path(self.path) as temporary,
                temporary.open("wb") as raw,
                gzipped(raw) as stream_gz,
            ):
                shutil.copyfileobj(content, stream_gz)
            _remember(self.path, self._settings)
            self._part.unlink()
        else:
            with self._part.open("rb") as content:
                os.fsync(content.fileno())
            _remember(self._part, self._settings)  # it is the same file
            os.replace(self._part, self.path)
        _settings_path(self.path).unlink(missing_ok=True)

    def _begin(self) -> None:
        write_sealed(_settings_path(self.path), self._settings)
        self._part.write_bytes(b"")

    def _go_on(self) -> None:
        """Cuts off what is not whole."""
        size, self.done = _whole(self._part)
        os.truncate(self._part, size)


def check_resumable_file(path: Path, *, resume: bool) -> None:
    """Makes sure, before any work, that what is unfinished is not overwritten unasked.

    Args:
        path: the file that is to be written.
        resume: whether what is unfinished is to be gone on with.

    Raises:
        ConfigError: if there is something, and it is not.
    """
    if _begun(path) and not resume:
        raise ConfigError(
            f"{_part(path)} holds what was done before. Go on with it by --resume, "
            "or remove it to start from the beginning."
        )


@contextmanager
def open_resumable_file(
    path: Path, settings: Mapping[str, Any], reporter: Reporter, *, resume: bool = False
) -> Iterator[ResumableFile]:
    """Opens `FILE.part`, which becomes FILE when all is written.

    Beside it, `FILE.part.settings` says how it is made. With `resume`, a finished FILE
    that was made with the same settings is gone on with too: if there are no more
    images, it comes out as it was.

    Args:
        path: FILE; with the suffix `.gz`, it will be compressed.
        settings: all that the predictions follow from, but for the images; values
            that JSON can hold. "min_confidence" is used here.
        reporter: told what there is from before, and what is kept after an error.
        resume: whether to go on with what was done before, if there is anything.

    Raises:
        ConfigError: if there is something unfinished and it is not to be gone on with,
            or was made with other settings, or another process is at it.
    """
    from filelock import FileLock, Timeout  # slow to import

    journal = ResumableFile(path, json.loads(json.dumps(dict(settings))))
    part, lock = _part(path), FileLock(f"{_part(path)}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"another process is writing {part}. Wait for it, or end it first."
        ) from None
    try:
        check_resumable_file(path, resume=resume)
        copied = resume and not _begun(path) and _copy_finished(path, journal._settings)
        if _begun(path):
            _check_settings(path, journal._settings)
            journal._go_on()
            what = path if copied else part
            reporter.info(f"going on after {counted(journal.done, 'image')} of {what}")
        else:
            journal._begin()
            if resume:
                reporter.info("nothing was begun: starting from the beginning")
        size = part.stat().st_size
        try:
            yield journal
        finally:
            if part.exists():
                grown = part.stat().st_size > size
                if grown:
                    reporter.info(f"what is done is kept in {part}; add: --resume")
                elif copied or size == 0:
                    part.unlink()
                    _settings_path(path).unlink()
    finally:
        with suppress(OSError):  # Windows removes no open file
            Path(lock.lock_file).unlink()
        lock.release()


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _settings_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.settings")


def _begun(path: Path) -> bool:
    part = _part(path)
    return part.exists() and part.stat().st_size > 0


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    part, made = _part(path), read_sealed(_settings_path(path))
    if made is None:
        raise ConfigError(
            f"it is not known how {part} was made: {_settings_path(path)} is missing "
            f"or damaged. Remove {part} to start from the beginning."
        )
    for name in settings | made:
        if made.get(name) != settings.get(name):
            raise ConfigError(
                f"{part} was made with {name} {_value(made.get(name))}, and now it is "
                f"{_value(settings.get(name))}. Go on with the same, or remove {part} "
                "to start from the beginning."
            )


def _value(value: Any) -> str:
    return "not set" if value is None else shorten(str(value), 60, placeholder="…")


def _whole(part: Path) -> tuple[int, int]:
    """Returns up to where a file is whole: in bytes, and in lines.

    A kill may tear its last line, and a power cut more of them. Of a file of several
    frames that comes last, some may be missing: it does not count.
    """
    size = lines = 0
    whole = (0, 0)
    with part.open("rb") as stream:
        for line in stream:
            prediction = _read(line)
            if prediction is None:
                break
            if not prediction.frame:
                whole = (size, lines)
            size, lines = size + len(line), lines + 1
            if prediction.frame is None:
                whole = (size, lines)
    return whole


def _read(line: bytes, min_confidence: float | None = None) -> Prediction | None:
    """Returns what a line holds; None if that is no prediction."""
    if not line.endswith(b"\n"):
        return None
    try:
        return Prediction.from_json(json.loads(line), min_confidence)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


# A finished file is known by its content, wherever it is.
def _remember(path: Path, settings: dict[str, Any]) -> None:
    with suppress(OSError, ConfigError):  # the cache may be read-only
        record = _record(path)
        record.parent.mkdir(exist_ok=True)
        write_sealed(record, settings)


def _copy_finished(path: Path, settings: dict[str, Any]) -> bool:
    """Makes a finished file the unfinished one, if it was made with these settings."""
    if not path.is_file() or read_sealed(_record(path)) != settings:
        return False
    write_sealed(_settings_path(path), settings)
    with atomic_path(_part(path)) as temporary, path.open("rb") as raw:
        content = GzipFile(fileobj=raw) if is_gz(path) else raw
        with temporary.open("wb") as stream:
            shutil.copyfileobj(content, stream)
    return True


def _record(path: Path) -> Path:
    return cache_dir() / "outputs" / f"{file_hash(path)}.json"
