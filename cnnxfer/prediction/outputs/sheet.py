"""The output of `--sheet`: a contact sheet of all images with their classes."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path, is_empty_or_has_marker
from cnnxfer.pages.mark import page_mark
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.prediction.outputs.file import check_target
from cnnxfer.prediction.outputs.folder import bare_name
from cnnxfer.prediction.outputs.folder_class import FolderClasses
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import counted, printable
from cnnxfer.spelling import option

SUFFIX = ".html"
GENERATOR = "cnnxfer"
# Bytes near the beginning of a file by which a contact sheet is recognized.
MARK = page_mark(GENERATOR).encode()
ANSWERED, UNREADABLE = "answered", "could not be read"
WIDTH, HEIGHT = 240, 180  # of an image, at most; the height is 11.25rem in style.css

MOST_INPUTS = 3  # that the title names


class Figure(NamedTuple):
    """What the page shows of a prediction, beside the prediction itself.

    Attributes:
        prediction: the prediction.
        name: the name of its image.
        picture: the image as a data URL; empty if it cannot be read.
        heat: the image with its heat, as a data URL; empty without heat.
        caption: whose heat that is.
        folder: the class that its folder is called after, if it is not the answer.
        labels: its labels, as they are shown.
    """

    prediction: Prediction
    name: str
    picture: str
    heat: str
    caption: str
    folder: str
    labels: list[str]


def check_sheet(path: Path, inputs: Sequence[str]) -> None:
    """Checks, before any work, that a contact sheet can be written.

    Raises:
        ConfigError: if the suffix is not `.html`, the file cannot be written, or the
            file exists and is not a contact sheet.
    """
    if path.suffix.lower() != SUFFIX:
        raise ConfigError(
            f"{option('--sheet')} is {path}; a contact sheet is a page, so its suffix "
            f"should be {SUFFIX}. Use: {option('--sheet', path.with_suffix(SUFFIX))}"
        )
    check_target(option("--sheet"), path, inputs)
    # The shell may have put a file there, such as the first match of `--sheet *.html`.
    if path.exists() and not is_empty_or_has_marker(path, MARK):
        raise ConfigError(
            f"{option('--sheet')} {path} already exists and is not a contact sheet of "
            "cnnxfer. Name another file, or remove it first."
        )


def draw_sheet(
    path: Path, inputs: Sequence[str], model: ModelSource, *, heat: bool = False
) -> Stage:
    """Returns a stage that draws a contact sheet; no file is left after an error.

    Each image is written at once, so that memory does not grow with their number.

    Args:
        path: the page, which has passed `check_sheet`.
        inputs: the inputs, as they were typed.
        model: the model that answers.
        heat: whether predictions have heat.
    """
    folders = FolderClasses(model.classes)

    def stage(predictions: Iterable[Prediction]) -> Flow:
        from cnnxfer.pages.page import render  # slow to import

        kinds: Counter[str] = Counter()
        misplaced = 0
        drawn: deque[Prediction] = deque()

        def figures() -> Iterator[Figure]:
            nonlocal misplaced
            for figure in _figures(predictions, folders):
                drawn.append(figure.prediction)
                kinds[_kind(figure.prediction)] += 1
                misplaced += bool(figure.folder)
                yield figure

        page = render(
            "sheet.html",
            generator=GENERATOR,
            title=_title(inputs),
            about=_about(model),
            heat=heat,
            figures=figures(),
            counts=lambda: _summary(kinds, misplaced),
        )
        with (
            atomic_path(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="\n") as stream,
        ):
            for text in page:
                stream.write(text)
                while drawn:
                    yield drawn.popleft()

    return stage


def _figures(
    predictions: Iterable[Prediction], folders: FolderClasses
) -> Iterator[Figure]:
    from cnnxfer.pages.thumbnails import ThumbnailReader, data_url
    from cnnxfer.prediction.outputs.heatmap import caption_of, heat_over
    from cnnxfer.prediction.outputs.thumbnail import read_thumbnail

    reader = ThumbnailReader(WIDTH, HEIGHT)
    for prediction in predictions:
        name = bare_name(prediction.path) or prediction.path
        image = read_thumbnail(reader, prediction)
        seen, caption = None, ""
        if image and prediction.heat:
            size = prediction.width, prediction.height
            seen = heat_over(image, prediction.heat, size)
            caption = caption_of(prediction)
        labels = () if prediction.error else prediction.labels
        yield Figure(
            prediction,
            name,
            data_url(image and prediction.drawn(image)),
            data_url(seen),
            caption,
            folders.otherwise(prediction),
            list(map(printable, labels)),
        )


def _title(inputs: Sequence[str]) -> str:
    if len(inputs) <= MOST_INPUTS:
        return " ".join(inputs)
    return f"{inputs[0]} and {counted(len(inputs) - 1, 'other input')}"


def _about(model: ModelSource) -> str:
    """Returns who answers, such as "run flowers-3: efficientnet-lite0, 12 classes"."""
    classes = f"{len(model.classes):,} classes"
    if model.name == model.backbone.name:
        return f"{model.name}, {classes} of ImageNet"
    kind = "run" if model.run else "exported"
    return f"{kind} {model.name}: {model.backbone.name}, {classes}"


def _kind(prediction: Prediction) -> str:
    if prediction.error is not None:
        return UNREADABLE
    return prediction.label if prediction.unsure else ANSWERED


def _summary(kinds: Counter[str], misplaced: int) -> str:
    """Returns how many images there are, such as "3 images, 1 unsure".

    Args:
        kinds: the number of images by kind.
        misplaced: how many lie in the folder of another class than that of the answer.
    """
    others = sorted(kinds.keys() - {ANSWERED}, key=lambda kind: kind == UNREADABLE)
    counts = [f"{kinds[kind]:,} {kind}" for kind in others]
    if misplaced:
        counts.append(f"{misplaced:,} where the folder says otherwise")
    return ", ".join([counted(kinds.total(), "image"), *counts])
