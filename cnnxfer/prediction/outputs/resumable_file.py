"""A JSONL file that can be completed after its writer was interrupted or killed."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from gzip import GzipFile
from itertools import chain, groupby, islice
from pathlib import Path
from textwrap import shorten
from typing import Any

from cnnxfer.cache import cache_dir, own_directory, read_cached_json
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.files import (
    atomic_path,
    file_hash,
    name_file,
    read_json_with_hash,
    write_json_with_hash,
)
from cnnxfer.prediction.outputs.file import gzipped, is_gz
from cnnxfer.prediction.outputs.jsonl import parse_line, write_jsonl
from cnnxfer.prediction.prediction import Prediction, ReadAnswer
from cnnxfer.reporting import Reporter, counted
from cnnxfer.spelling import option

Ask = Callable[[Iterable[ImageSource]], Iterable[Prediction]]


class ResumableFile:
    """A JSONL file that is written under a temporary name; see `open_resumable_file`.

    Attributes:
        path: path of the file when it is complete.
        done: the number of predictions that were written before.
        unread: how many of them are of images that could not be read.
    """

    def __init__(self, path: Path, settings: dict[str, Any], read: ReadAnswer) -> None:
        self.path = path
        self.done = self.unread = 0
        self._part = _part_path(path)
        self._settings = settings
        self._read = read

    def earlier_predictions(
        self, sources: Iterator[ImageSource], ask: Ask
    ) -> Iterator[Prediction]:
        """Yields the predictions that were written before.

        Images that could not be read are asked again, since memory, permissions or a
        network may be there now. `FILE.part` is replaced when all have been answered.

        Args:
            sources: the images, in the order of the inputs. One is consumed for each
                file that is done; the rest is left.
            ask: yields the predictions for images, in order.

        Raises:
            DataError: if these are other images, or the same in another order.
        """
        images = self._earlier_images(sources)
        if not self.unread:
            yield from chain.from_iterable(images)
            return
        done = 0
        with (
            atomic_path(self._part) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as stream,
        ):
            for failed, group in groupby(images, _has_failed):
                found = chain.from_iterable(group)
                for prediction in ask(_sources(found)) if failed else found:
                    write_jsonl([prediction], stream)
                    done += 1
                    self.done = max(self.done, done)
                    yield prediction
        self.done = done

    def _earlier_images(
        self, sources: Iterator[ImageSource]
    ) -> Iterator[list[Prediction]]:
        """Yields the earlier predictions image by image, each with its source."""
        image: list[Prediction] = []
        source = None
        with self._part.open("rb") as stream:
            for number, line in enumerate(islice(stream, self.done), start=1):
                prediction = parse_line(line, self._read)
                assert prediction is not None  # `_complete_part` has parsed it
                if not prediction.frame:
                    if image:
                        yield image
                    image, source = [], next(sources, None)
                if source is None or source.name != prediction.path:
                    now = "no image" if source is None else source.name
                    raise DataError(
                        f"{self._part} was written for other images: its line {number} "
                        f"is for {prediction.path}, and the inputs now have {now} "
                        "there. Name the same inputs. To start from the beginning, "
                        f"remove {self._part} and leave out {option('--resume')}."
                    )
                image.append(replace(prediction, source=source))
        if image:
            yield image

    def write(self, predictions: Iterable[Prediction]) -> None:
        """Appends all but the first `done` predictions, and renames the complete file.

        Each is written as soon as it is available. If an error interrupts the
        predictions, what was written is kept.

        Raises:
            OSError: if it cannot be written; its `filename` is `FILE.part`, or FILE.
        """
        try:
            new = (
                each for number, each in enumerate(predictions) if number >= self.done
            )
            first = list(islice(new, 1))  # by then the earlier ones have been replaced
            with self._part.open("a", encoding="utf-8", newline="\n") as stream:
                write_jsonl(chain(first, new), stream)
        except OSError as error:
            name_file(error, self._part)
            raise
        if is_gz(self.path):
            with (
                self._part.open("rb") as content,
                atomic_path(self.path) as temporary,
                temporary.open("wb") as raw,
                gzipped(raw) as stream_gz,
            ):
                shutil.copyfileobj(content, stream_gz)
            _save_record(self.path, self._settings)
            self._part.unlink()
        else:
            with self._part.open("rb") as content:
                os.fsync(content.fileno())
            _save_record(self._part, self._settings)  # it is renamed next
            os.replace(self._part, self.path)
        _settings_path(self.path).unlink(missing_ok=True)

    def _begin(self) -> None:
        write_json_with_hash(_settings_path(self.path), self._settings)
        self._part.write_bytes(b"")

    def _continue(self) -> None:
        """Cuts off incomplete lines and counts the complete ones."""
        size, self.done, self.unread = _complete_part(self._part, self._read)
        os.truncate(self._part, size)


def check_resumable_file(path: Path, *, resume: bool) -> None:
    """Checks, before any work, that an unfinished file will not be overwritten."""
    part = _part_path(path)
    if part.exists() and not part.is_file():
        raise ConfigError(f"{part} is no file to write. Move it away, or name another.")
    if _is_unfinished(path) and not resume:
        raise ConfigError(
            f"{_part_path(path)} holds earlier predictions. Continue with "
            f"{option('--resume', True)}, or remove it to start from the beginning."
        )


@contextmanager
def open_resumable_file(
    path: Path,
    settings: Mapping[str, Any],
    read: ReadAnswer,
    reporter: Reporter,
    *,
    resume: bool = False,
    goes_on: bool = True,
) -> Iterator[ResumableFile]:
    """Opens `FILE.part`, which is renamed to FILE when it is complete.

    Beside it, `FILE.part.settings` records the settings. With `resume`, a finished FILE
    that was made with the same settings is continued too: without new images, it stays
    as it was.

    Args:
        path: FILE; with the suffix `.gz`, it is compressed at the end.
        settings: everything but the images that the predictions depend on, as JSON
            values; see `Classifier.settings`.
        read: reads an answer in a JSON object.
        reporter: receives the number of earlier predictions, and after an error the
            name of the file that keeps the new ones.
        resume: whether to continue earlier predictions, if there are any.
        goes_on: whether these predictions can be continued later.

    Yields:
        The file, whose `earlier_predictions` and then `write` are to be called.

    Raises:
        ConfigError: if an unfinished file exists and `resume` is False, if it was made
            with other settings, or if another process is writing it.
    """
    from filelock import FileLock, Timeout  # slow to import

    file = ResumableFile(path, json.loads(json.dumps(dict(settings))), read)
    part, lock = _part_path(path), FileLock(f"{_part_path(path)}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"another process is writing {part}. Wait for it, or end it first."
        ) from None
    try:
        check_resumable_file(path, resume=resume)
        unfinished = _is_unfinished(path)
        copied = (
            resume and not unfinished and _copy_finished(path, file._settings, reporter)
        )
        if _is_unfinished(path):
            _check_settings(path, file._settings)
            file._continue()
            resumed = path if copied else part
            message = f"going on after {counted(file.done, 'image')} of {resumed}"
            if file.unread:
                unread = counted(file.unread, "unreadable one")
                message += f"; trying {unread} of them again"
            reporter.info(message)
        else:
            file._begin()
            if resume:
                reporter.info("nothing to resume: starting from the beginning")
        size = part.stat().st_size
        try:
            yield file
        finally:
            if part.exists():
                if part.stat().st_size not in (0, size):
                    add = f"; add: {option('--resume', True)}" if goes_on else ""
                    reporter.info(f"predictions are kept in {part}{add}")
                elif copied or size == 0:
                    part.unlink()
                    _settings_path(path).unlink()
    finally:
        with suppress(OSError):  # Windows does not remove open files
            Path(lock.lock_file).unlink()
        lock.release()


def _part_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _settings_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.settings")


def _is_unfinished(path: Path) -> bool:
    part = _part_path(path)
    return part.exists() and part.stat().st_size > 0


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    part = _part_path(path)
    earlier = read_json_with_hash(_settings_path(path), dict[str, Any])
    if earlier is None:
        raise ConfigError(
            f"the settings of {part} are not known: {_settings_path(path)} is missing "
            f"or damaged. Remove {part} to start from the beginning."
        )
    for name in settings | earlier:
        if earlier.get(name) != settings.get(name):
            raise ConfigError(
                f"{part} was made with {name} {_value(earlier.get(name))}, and now it "
                f"is {_value(settings.get(name))}. Use the same setting, or remove "
                f"{part} to start from the beginning."
            )


def _value(value: Any) -> str:
    return "not set" if value is None else shorten(str(value), 60, placeholder="…")


def _complete_part(part: Path, read: ReadAnswer) -> tuple[int, int, int]:
    """Returns the size in bytes and in lines of the complete beginning of a file.

    The third number is that of the lines of images that could not be read.

    A kill can leave an incomplete last line, and a power cut several damaged ones. If
    the last image is a file with several frames, it does not count, because frames may
    be missing.
    """
    size = lines = unread = 0
    complete = (0, 0, 0)
    with part.open("rb") as stream:
        for line in stream:
            prediction = parse_line(line, read)
            if prediction is None:
                break
            if not prediction.frame:
                complete = (size, lines, unread)
            size, lines = size + len(line), lines + 1
            unread += prediction.error is not None
            if prediction.frame is None:
                complete = (size, lines, unread)
    return complete


def _has_failed(image: Iterable[Prediction]) -> bool:
    return any(prediction.error is not None for prediction in image)


def _sources(predictions: Iterable[Prediction]) -> Iterator[ImageSource]:
    """Yields the source of each image, whose predictions may be of many frames."""
    for prediction in predictions:
        if not prediction.frame:
            assert prediction.source is not None  # `_earlier_images` has added it
            yield prediction.source


def _save_record(path: Path, settings: dict[str, Any]) -> None:
    """Records in the cache the settings that a finished file was made with."""
    with suppress(OSError, ConfigError):  # the cache may be read-only
        record = _record_path(path)
        own_directory(record.parent)
        write_json_with_hash(record, settings)


def _copy_finished(path: Path, settings: dict[str, Any], reporter: Reporter) -> bool:
    """Copies a finished file to its `.part`, if it was made with these settings."""
    if not path.is_file():
        return False
    if read_cached_json(_record_path(path), dict[str, Any], reporter) != settings:
        return False
    write_json_with_hash(_settings_path(path), settings)
    with atomic_path(_part_path(path)) as temporary, path.open("rb") as raw:
        content = GzipFile(fileobj=raw) if is_gz(path) else raw
        with temporary.open("wb") as stream:
            shutil.copyfileobj(content, stream)
    return True


def _record_path(path: Path) -> Path:
    # By content, so that a finished file is recognized under any name.
    return cache_dir() / "outputs" / f"{file_hash(path)}.json"
