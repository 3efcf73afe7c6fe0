"""A model with its classes: encoded images in, probabilities out."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.imagenet import imagenet_classes
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.data.geometry import central_box
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.picture import Picture
from cnnxfer.errors import DataError
from cnnxfer.files import file_hash
from cnnxfer.prediction.engines.choice import SAMPLES, choose_engine
from cnnxfer.prediction.engines.engine import Engine, Network
from cnnxfer.prediction.softmax import softmax
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run

if TYPE_CHECKING:
    import keras

# The usual central crop of ImageNet's evaluation: 224 of 256.
IMAGENET_CROP = 0.875
AHEAD = 128  # pictures that may be decoded before the engine asks for them


@dataclass(frozen=True)
class Answer:
    """What the model says of one image.

    Attributes:
        width: of the upright image, in pixels.
        height: the same.
        probabilities: float32 `(classes,)`; None if the image could not be read.
        error: why it could not be read; None if it could.
    """

    width: int = 0
    height: int = 0
    probabilities: np.ndarray | None = None
    error: str | None = None


# An image with its pixels, uint8 `(size, size, 3)`, if it could be read.
View = tuple[Answer, np.ndarray | None]


@dataclass(frozen=True)
class Classifier:
    """A model with all that answering takes.

    Attributes:
        network: what an engine runs; its outputs are logits or probabilities.
        class_ids: in label order; WordNet ids for ImageNet heads, else the labels.
        labels: names for people, in label order.
        central_crop: side of the square that it sees, of the shorter side.
        engine: one of `ENGINES`.
        precision: one of `PRECISIONS`.
    """

    network: Network
    class_ids: Sequence[str]
    labels: Sequence[str]
    central_crop: float
    engine: str
    precision: str

    def answer(
        self, images: Sequence[Callable[[], bytes]], title: str, reporter: Reporter
    ) -> Iterator[Answer]:
        """Yields an answer for each image, in order; decodes while it computes.

        Args:
            images: functions that read an encoded image, or raise DataError.
            title: what the progress bar says.
            reporter: draws it.

        Raises:
            ConfigError: if the engine or the precision cannot be had here.
            RunError: if one that is asked for by name does not answer as Keras does.
        """
        views = parallel_map(self._view, images, ahead=AHEAD)
        first = _until_readable(views, SAMPLES)
        samples = [pixels for _, pixels in first if pixels is not None]
        if not samples:
            yield from (answer for answer, _ in first)
            return
        engine = choose_engine(
            self.network,
            engine=self.engine,
            precision=self.precision,
            samples=lambda: np.stack(samples),
            reporter=reporter,
        )
        views = chain(first, views)
        with reporter.progress(title, len(images), "images") as advance:
            for answer in self._answers(engine, views):
                yield answer
                advance()

    def _answers(self, engine: Engine, views: Iterable[View]) -> Iterator[Answer]:
        asked: deque[Answer] = deque()  # the images whose turn has not come, in order

        def batches() -> Iterator[np.ndarray]:
            batch: list[np.ndarray] = []
            for answer, pixels in views:
                asked.append(answer)
                if pixels is not None:
                    batch.append(pixels)
                if len(batch) == engine.batch_size:
                    yield np.stack(batch)
                    batch = []
            if batch:
                yield np.stack(batch)

        for outputs in engine.run(batches()):
            for row in self._probabilities(outputs):
                while asked[0].error is not None:
                    yield asked.popleft()
                yield replace(asked.popleft(), probabilities=row)
        yield from asked

    def _view(self, read: Callable[[], bytes]) -> View:
        try:
            picture = Picture(read())
            box = central_box(picture.width, picture.height, self.central_crop)
            pixels = picture.view(box, self.network.image_size)
        except DataError as error:
            return Answer(error=str(error)), None
        return Answer(picture.width, picture.height), pixels

    def _probabilities(self, outputs: np.ndarray) -> np.ndarray:
        return softmax(outputs) if self.network.outputs == "logits" else outputs


def load_classifier(
    model: Run | str,
    reporter: Reporter,
    *,
    engine: str = "auto",
    precision: str = "auto",
) -> Classifier:
    """Finds a run's model, or a backbone with its ImageNet head.

    Args:
        model: the run, or the backbone's name.
        reporter: told of a download.
        engine: what is to run it; see `choose_engine`.
        precision: what that is to compute in.

    Raises:
        RunError: if the run has no model, or weights could not be downloaded.
    """
    if isinstance(model, Run):
        names, crop = model.class_names, model.config.central_crop
        return Classifier(_run_network(model), names, names, crop, engine, precision)
    classes = imagenet_classes()
    return Classifier(
        _imagenet_network(BACKBONES.get(model), reporter),
        [item.class_id for item in classes],
        [item.label for item in classes],
        IMAGENET_CROP,
        engine,
        precision,
    )


def _run_network(run: Run) -> Network:
    path = run.require_model()
    config = run.config
    return Network(
        key=_key("run", file_hash(path)),
        image_size=config.image_size or BACKBONES.get(config.backbone).image_size,
        build=partial(_load, path),
        outputs="logits",
    )


def _imagenet_network(backbone: Backbone, reporter: Reporter) -> Network:
    path = ensure_weights(backbone, include_top=True, reporter=reporter)
    return Network(
        key=_key("imagenet", backbone.name, file_hash(path)),
        image_size=backbone.image_size,
        build=partial(_build, backbone, path),
        outputs="probabilities",
    )


# Keras is imported by who builds a network; not everybody has to.
def _load(path: Path) -> keras.Model:
    from cnnxfer.training.model import load_model

    return load_model(path)


def _build(backbone: Backbone, path: Path) -> keras.Model:
    from cnnxfer.training.model import build_imagenet_classifier

    return build_imagenet_classifier(backbone, path)


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _until_readable(views: Iterator[View], count: int) -> list[View]:
    """Takes views until `count` of them are readable, or there are no more."""
    taken = []
    for view in views:
        taken.append(view)
        count -= view[1] is not None
        if count == 0:
            break
    return taken
