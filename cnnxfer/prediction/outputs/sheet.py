"""`--sheet`: a contact sheet, every picture with its classes, in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path, bears_mark
from cnnxfer.prediction.outputs.file import check_target
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.registry import load_object
from cnnxfer.reporting import Reporter

# Yields what adds a prediction.
Sheet = Callable[
    [Path, str, Reporter], AbstractContextManager[Callable[[Prediction], None]]
]

SHEETS = {
    ".html": "cnnxfer.prediction.outputs.sheet_html:html_sheet",
    ".png": "cnnxfer.prediction.outputs.sheet_png:png_sheet",
}
# What a sheet is known by, near its beginning.
MARKS = {".html": b'name="generator" content="cnnxfer"', ".png": b"Software\0cnnxfer"}


def draw_sheet(path: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that draws all that go by; the file is whole or absent.

    Args:
        path: an HTML or PNG file, by its suffix.
        inputs: what the images are found in; written above.
        reporter: told if not all fit.

    Raises:
        ConfigError: if it is neither, cannot be written, or is there and no sheet.
    """
    kind = path.suffix.lower()
    if kind not in SHEETS:
        raise ConfigError(
            f"--sheet is {path}; its suffix should be one of {', '.join(SHEETS)}."
        )
    check_target("--sheet", path, inputs)
    _spare_others(path, MARKS[kind])

    def stage(predictions: Iterable[Prediction]) -> Flow:
        sheet: Sheet = load_object(SHEETS[kind])
        title = " ".join(inputs)
        with atomic_path(path) as temporary, sheet(temporary, title, reporter) as add:
            for prediction in predictions:
                add(prediction)
                yield prediction

    return stage


def _spare_others(path: Path, mark: bytes) -> None:
    """Refuses a picture or a page of others, such as the first match of `*.png`."""
    if path.exists() and not bears_mark(path, mark):
        raise ConfigError(
            f"--sheet {path} is there already, and is no contact sheet of cnnxfer. "
            "Name another file, or remove it first."
        )
