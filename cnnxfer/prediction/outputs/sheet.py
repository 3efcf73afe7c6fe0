"""The output of `--sheet`: a contact sheet of all images with their classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path, is_empty_or_has_marker
from cnnxfer.prediction.outputs.file import check_target
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.registry import load_object
from cnnxfer.reporting import Reporter

# A context manager that yields a function that adds a prediction to the sheet.
Sheet = Callable[
    [Path, str, Reporter], AbstractContextManager[Callable[[Prediction], None]]
]

SHEETS = {
    ".html": "cnnxfer.prediction.outputs.sheet_html:html_sheet",
    ".png": "cnnxfer.prediction.outputs.sheet_png:png_sheet",
}
# Bytes near the beginning of a file by which a contact sheet is recognized.
MARKS = {".html": b'name="generator" content="cnnxfer"', ".png": b"Software\0cnnxfer"}


def draw_sheet(path: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that draws a contact sheet; no file is left after an error.

    Args:
        path: path of the sheet, with the suffix `.html` or `.png`.
        inputs: the inputs in which the images are found; they are the sheet's title.
        reporter: receives a warning if not all images fit on the sheet.

    Raises:
        ConfigError: if the suffix is another, the file cannot be written, or the file
            exists and is not a contact sheet.
    """
    kind = path.suffix.lower()
    if kind not in SHEETS:
        raise ConfigError(
            f"--sheet is {path}; its suffix should be one of {', '.join(SHEETS)}."
        )
    check_target("--sheet", path, inputs)
    _check_replaceable(path, MARKS[kind])

    def stage(predictions: Iterable[Prediction]) -> Flow:
        sheet: Sheet = load_object(SHEETS[kind])
        title = " ".join(inputs)
        with atomic_path(path) as temporary, sheet(temporary, title, reporter) as add:
            for prediction in predictions:
                add(prediction)
                yield prediction

    return stage


def _check_replaceable(path: Path, mark: bytes) -> None:
    """Refuses to replace a file that is not a contact sheet.

    The shell may have put one there, such as the first match of `--sheet *.png`.
    """
    if path.exists() and not is_empty_or_has_marker(path, mark):
        raise ConfigError(
            f"--sheet {path} already exists and is not a contact sheet of cnnxfer. "
            "Name another file, or remove it first."
        )
