"""`--out`: where predictions are written, whole or not at all, and in which format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from gzip import GzipFile
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TextIO, cast

from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path, check_folder_of
from cnnxfer.prediction.outputs.folder import is_input, refuse_folder_of_inputs
from cnnxfer.prediction.outputs.formats import WRITERS, Writer
from cnnxfer.prediction.prediction import Prediction

GZ = ".gz"


def choose_writer(name: str | None, out: Path | None) -> Writer:
    """Returns the format that is asked for, or that the suffix of a file means.

    Args:
        name: as it was typed; None to go by the suffix.
        out: the file; None for stdout, which gets a table by default.

    Raises:
        ConfigError: if the name or the suffix is unknown, or the format does not go
            with where it is to be written.
    """
    if name is None:
        writer = WRITERS.get("table") if out is None else _by_suffix(out)
    else:
        writer = WRITERS.get(name)
    if writer.binary and out is None:
        raise ConfigError(
            f"{writer.name} cannot be printed. Add: --out FILE{writer.suffixes[0]}"
        )
    if writer.binary and out is not None and is_gz(out):
        raise ConfigError(
            f"--out is {out}, but {writer.name} is compressed inside. "
            f"Leave {GZ} out: --out {out.with_suffix('')}"
        )
    return writer


def check_target(option: str, path: Path, inputs: Sequence[str]) -> None:
    """Makes sure that a file can be written, and should be, before there is any work.

    Args:
        option: as it was typed, such as "--out".
        path: the file, which may exist.
        inputs: what the images are found in.

    Raises:
        ConfigError: if it cannot, or is one of the inputs, or would be an image where
            they are looked for.
    """
    check_folder_of(option, path)
    if path.exists() and not path.is_file():  # a rename would replace a device
        raise ConfigError(f"{option} is {path}, which is no file. Name a file in it.")
    if is_input(path, inputs):
        raise ConfigError(f"{option} {path} is one of the inputs. Name another file.")
    from cnnxfer.data.images.names import names_image  # imports NumPy

    if names_image(path.name):
        refuse_folder_of_inputs(option, path, inputs)


def write_file(predictions: Iterable[Prediction], writer: Writer, out: Path) -> None:
    """Writes all predictions to a file that is whole or absent.

    JSONL that is to be resumable is written by a `ResumableFile` instead.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    write = writer.load()
    with atomic_path(out) as temporary, open_text(temporary) as stream:
        write(predictions, stream)


def is_gz(path: Path) -> bool:
    """Whether a file is compressed, by its name."""
    return path.suffix.lower() == GZ


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Opens a file for UTF-8 with the line ends that are written, `.gz` compressed."""
    with ExitStack() as stack:
        raw: IO[bytes] = stack.enter_context(path.open("wb"))
        if is_gz(path):
            raw = stack.enter_context(gzipped(raw))
        yield stack.enter_context(TextIOWrapper(raw, encoding="utf-8", newline=""))


def gzipped(raw: IO[bytes]) -> IO[bytes]:
    """Returns a stream that compresses into `raw`: the same content, the same bytes."""
    stream = GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0)
    return cast(IO[bytes], stream)


def _by_suffix(out: Path) -> Writer:
    name = out.with_suffix("") if is_gz(out) else out
    for writer in WRITERS:
        if name.suffix.lower() in writer.suffixes:
            return writer
    known = ", ".join(suffix for writer in WRITERS for suffix in writer.suffixes)
    raise ConfigError(
        f"--out is {out}; its suffix should be one of {known} (with {GZ} too), "
        f"or add: --format {'|'.join(WRITERS.names())}"
    )
