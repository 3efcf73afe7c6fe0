"""The output file of `--out`: its checks, its format, and how it is written."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from gzip import GzipFile
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO, cast

from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path, check_parent_folder
from cnnxfer.prediction.outputs.folder import is_input, refuse_folder_of_inputs
from cnnxfer.prediction.outputs.formats import WRITERS, Writer
from cnnxfer.prediction.outputs.label_folder import (
    check_label_folder,
    open_label_folder,
    seen_from,
)
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.spelling import option

GZ = ".gz"


def choose_writer(name: str, out: Path | None) -> Writer:
    """Returns the writer of the format that is asked for, or that the suffix implies.

    Args:
        name: name of the format, as typed; `auto` to choose it by the suffix of `out`.
        out: the output file; None for stdout, whose default format is a table.

    Raises:
        ConfigError: if the name or the suffix is unknown, or the format cannot be
            written there.
    """
    if name == "auto":
        writer = WRITERS.get("table") if out is None else _by_suffix(out)
    else:
        writer = WRITERS.get(name)
    if writer.folder and out is None:
        raise ConfigError(
            f"{writer.name} is a folder of files and cannot be printed. "
            f"Add: {option('--out', 'FOLDER')}"
        )
    if writer.binary and out is None:
        raise ConfigError(
            f"{writer.name} cannot be printed. "
            f"Add: {option('--out', f'FILE{writer.suffixes[0]}')}"
        )
    if writer.binary and out is not None and is_gz(out):
        raise ConfigError(
            f"{option('--out')} is {out}, but {writer.name} is compressed inside. "
            f"Leave {GZ} out: {option('--out', str(out.with_suffix('')))}"
        )
    return writer


def check_target(option: str, path: Path, inputs: Sequence[str]) -> None:
    """Checks, before any work, that a file can be written and should be.

    Raises:
        ConfigError: if the file cannot be written, is one of the inputs, or would be
            an image where images are looked for.
    """
    check_parent_folder(option, path)
    if path.exists() and not path.is_file():  # writing would replace a device by a file
        raise ConfigError(
            f"{option} is {path}, which is not a file. Name a file in it."
        )
    if is_input(path, inputs):
        raise ConfigError(f"{option} {path} is one of the inputs. Name another file.")
    from cnnxfer.data.images.names import names_image  # imports NumPy

    if names_image(path.name):
        refuse_folder_of_inputs(option, path, inputs)


def check_out(out: Path, writer: Writer, inputs: Sequence[str]) -> None:
    """Checks, before any work, that a format can be written there.

    Raises:
        ConfigError: if not; see `check_label_folder` and `check_target`.
    """
    if writer.folder:
        check_label_folder(out)
    else:
        check_target(option("--out"), out, inputs)


def write_out(
    predictions: Iterable[Prediction],
    writer: Writer,
    out: Path | TextIO | None,
    inputs: Sequence[str],
) -> None:
    """Writes all predictions to a file, a folder or a stream; see `write_file`.

    Args:
        predictions: all of them.
        writer: the format.
        out: where it is written; None to only take the predictions.
        inputs: the inputs that the images are found in, as they were typed.
    """
    if isinstance(out, Path) and writer.folder:
        with open_label_folder(out, inputs) as folder:
            writer.load_folder()(predictions, folder)
    elif isinstance(out, Path):
        write_file(predictions, writer, out)
    elif out is not None:
        writer.load()(predictions, out)
    else:
        for _ in predictions:
            pass


def write_file(predictions: Iterable[Prediction], writer: Writer, out: Path) -> None:
    """Writes all predictions to a file; after an error, the file is not created.

    Labels name each image as it lies from the file. A JSONL file that can be resumed is
    written by a `ResumableFile` instead.
    """
    write = writer.load()
    if writer.labels:
        predictions = (
            replace(each, path=seen_from(out.parent, each.path)) for each in predictions
        )
    with atomic_path(out) as temporary, open_text(temporary) as stream:
        write(predictions, stream)


def is_gz(path: Path) -> bool:
    """Returns whether a file is compressed, judging by its name."""
    return path.suffix.lower() == GZ


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Opens a file to write UTF-8 text; keeps line ends, and compresses `.gz`."""
    with ExitStack() as stack:
        raw: IO[bytes] = stack.enter_context(path.open("wb"))
        if is_gz(path):
            raw = stack.enter_context(gzipped(raw))
        yield stack.enter_context(TextIOWrapper(raw, encoding="utf-8", newline=""))


def gzipped(raw: IO[bytes]) -> IO[bytes]:
    """Returns a stream that compresses into `raw`; equal content gives equal bytes."""
    stream = _Unflushed(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
    return cast(IO[bytes], stream)


class _Unflushed(GzipFile):
    def flush(self, *_: Any) -> None:
        """Does nothing: a block of its own for each line would be far larger."""


def _by_suffix(out: Path) -> Writer:
    name = out.with_suffix("") if is_gz(out) else out
    for writer in WRITERS:
        if name.suffix.lower() in writer.suffixes:
            return writer
    known = ", ".join(suffix for writer in WRITERS for suffix in writer.suffixes)
    raise ConfigError(
        f"{option('--out')} is {out}; its suffix should be one of {known} (with {GZ} "
        f"too), or add: {option('--format', '|'.join(WRITERS.names()))}"
    )
