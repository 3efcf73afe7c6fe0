"""The output of `--sheet`: a contact sheet of all images with their classes."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cnnxfer.errors import ConfigError
from cnnxfer.files import atomic_path, is_empty_or_has_marker
from cnnxfer.pages.mark import page_mark
from cnnxfer.prediction.outputs.file import check_target
from cnnxfer.prediction.outputs.folder import bare_name
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import counted
from cnnxfer.spelling import option

SUFFIX = ".html"
GENERATOR = "cnnxfer"
# Bytes near the beginning of a file by which a contact sheet is recognized.
MARK = page_mark(GENERATOR).encode()
ANSWERED, UNREADABLE = "answered", "could not be read"
WIDTH, HEIGHT = 240, 180  # of an image, at most; the height is 11.25rem in style.css

Figure = tuple[Prediction, str, str]


def draw_sheet(path: Path, inputs: Sequence[str]) -> Stage:
    """Returns a stage that draws a contact sheet; no file is left after an error.

    Each image is written at once, so that memory does not grow with their number.

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

    def stage(predictions: Iterable[Prediction]) -> Flow:
        from cnnxfer.pages.page import render  # slow to import

        kinds: Counter[str] = Counter()
        drawn: deque[Prediction] = deque()

        def figures() -> Iterator[Figure]:
            for figure in _figures(predictions):
                drawn.append(figure[0])
                kinds[_kind(figure[0])] += 1
                yield figure

        page = render(
            "sheet.html",
            generator=GENERATOR,
            title=" ".join(inputs),
            figures=figures(),
            counts=lambda: _summary(kinds),
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


def _figures(predictions: Iterable[Prediction]) -> Iterator[Figure]:
    """Yields each prediction, the name of its image, and the image as a data URL."""
    from cnnxfer.pages.thumbnails import ThumbnailReader, data_url
    from cnnxfer.prediction.outputs.thumbnail import read_thumbnail

    reader = ThumbnailReader(WIDTH, HEIGHT)
    for prediction in predictions:
        name = bare_name(prediction.path) or prediction.path
        image = read_thumbnail(reader, prediction)
        yield prediction, name, data_url(image and prediction.drawn(image))


def _kind(prediction: Prediction) -> str:
    if prediction.error is not None:
        return UNREADABLE
    return prediction.label if prediction.unsure else ANSWERED


def _summary(kinds: Counter[str]) -> str:
    """Returns how many images there are, such as "3 images, 1 unsure"."""
    others = sorted(kinds.keys() - {ANSWERED}, key=lambda kind: kind == UNREADABLE)
    counts = [f"{kinds[kind]:,} {kind}" for kind in others]
    return ", ".join([counted(kinds.total(), "image"), *counts])
