"""A classifier that is open: it answers images until it is closed."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.dataset import DETECTION
from cnnxfer.data.decoding.frames import FrameReader
from cnnxfer.data.decoding.pool import DecodedImage, Decoders
from cnnxfer.data.images.source import ImageSource, file_source
from cnnxfer.engines.calibration import Calibration
from cnnxfer.engines.choice import choose_engine, prepare_next_time
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.prediction.answers import Answer, answer_in_order
from cnnxfer.prediction.calibrating import no_calibration, run_calibration
from cnnxfer.prediction.dense import DenseView, cell_network, dense_network
from cnnxfer.prediction.dense_boxes import dense_boxes
from cnnxfer.prediction.explainable import open_mapper
from cnnxfer.prediction.heat_of_answers import add_cell_heat, add_view_heat
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.prediction.options import check_options
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.prediction.sampled_images import NothingReadable, SampledImages
from cnnxfer.prediction.tiles import TileViews
from cnnxfer.prediction.tta import SquareViews, tta_views
from cnnxfer.registry import BUILT_IN
from cnnxfer.reporting import Advance, Reporter
from cnnxfer.tasks.answer import RankedClass, TaskAnswer
from cnnxfer.tasks.boxes.answer import LEAST_SCORE
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.class_answer import ClassAnswer

if TYPE_CHECKING:
    from cnnxfer.networks.explained.heat import HeatMapper

DEFAULT_OPTIONS = ClassifierOptions()
DEFAULT_TOP = 5
Image = str | Path | bytes  # the path of a file, or an encoded image


class Classifier:
    """A model that stays loaded, with processes that decode images for it.

    The engine is chosen with the first images, and the processes start with them. Any
    thread may ask; one is answered after the other.

    Attributes:
        network: the network, whose outputs are logits or probabilities.
        views: returns the views of an image that the network is shown; the
            probabilities of all views are averaged.
    """

    def __init__(
        self,
        model: ModelSource,
        options: ClassifierOptions = DEFAULT_OPTIONS,
        reporter: Reporter | None = None,
        *,
        heat: bool = False,
        calibration: Calibration | None = None,
    ) -> None:
        """Opens a classifier; the network itself is loaded with the first images.

        With `heat`, which is for models that pass `check_explainable`, and not for
        `options.boxes`, predictions have heat. For int8, `calibration` is as
        `run_calibration` returns it, which is asked if it is None.

        Raises:
            ConfigError: if an option is wrong.
            RunError: if weights could not be downloaded.
        """
        check_options(options, len(model.classes), model.task, model.fit)
        self.model, self.options = model, options
        least = options.min_confidence
        self._min_confidence = None if least == "auto" else least
        self._top = DEFAULT_TOP if options.top == "auto" else options.top
        self._reporter = reporter or Reporter()
        if model.hides:
            self._reporter.info(
                f"{model.hides} is the run {model.place}; the backbone of this name is "
                f"{BUILT_IN}{model.hides}"
            )
        self.network = model.network(self._reporter)
        size = self.network.image_size
        usual = tta_views(options.tta, model.fraction, size, model.fit)
        self.views: SquareViews | DenseView | TileViews = usual
        if options.tiles != "none":
            self.views = TileViews(usual, options.tiles)
        self._decision = model.decision
        cells = []
        if options.dense:
            self.views = DenseView(model.fraction, size)
            if options.boxes:
                names = [label for _, label in model.classes]
                self._decision = TASKS.get(DETECTION).decision(names, {})
                self.network = cell_network(self.network)
            else:
                cells = [cell_network(self.network)] if heat else []
                self.network = dense_network(self.network)
        self._networks = [self.network, *cells]
        self._size = size
        self._heat = heat
        self._calibration = calibration
        self._mapper: HeatMapper | None = None
        self._known_splits = model.known_splits(self._reporter)
        self._samples: list[np.ndarray] = []
        self._engines: list[ElasticEngine] = []
        self._decoders: Decoders | None = None
        self._closed = False
        self._answering = threading.Lock()

    def predict(self, images: Image | Iterable[Image]) -> list[Prediction]:
        """Returns the predictions for a batch of images; any thread may call this.

        Args:
            images: paths of files, or encoded images, which are called "image 1" and so
                on.

        Returns:
            A prediction for each image, in their order; one that cannot be read has an
            `error`.

        Raises:
            RunError: if the outputs of an engine or a precision that is asked for by
                name do not agree with those of Keras, or memory does not suffice.
        """
        if isinstance(images, str | Path | bytes):
            images = [images]
        found = self.predictions(map(_source, images, count(1)))
        return [prediction.without_content() for prediction in found]

    def predictions(
        self,
        sources: Iterable[ImageSource],
        progress: AbstractContextManager[Advance] | None = None,
    ) -> Generator[Prediction, None, None]:
        """Yields a prediction for each image, in order; see `answers`."""
        with closing(self.answers(sources, progress)) as answers:
            for answer in answers:
                yield self.prediction_of(answer)

    def read_answer(self, record: Mapping[str, Any]) -> TaskAnswer:
        """Returns the answer that `Prediction.as_json` has written; empty for `{}`."""
        return self._decision.read(record, self._min_confidence)

    def answers(
        self,
        sources: Iterable[ImageSource],
        progress: AbstractContextManager[Advance] | None = None,
    ) -> Generator[Answer, None, None]:
        """Yields an answer for each image, in order; decodes while it computes.

        Other threads wait until the last answer, or until the generator is closed.

        Args:
            sources: the images, which are taken as they are needed.
            progress: draws the progress, once an engine has been chosen.

        Raises:
            ConfigError: if this machine lacks the engine or the precision.
            RunError: if an engine or a precision that is asked for by name does not
                answer as Keras does.
            ValueError: if the classifier is closed.
        """
        with self._answering:
            if self._decoders is None or self._decoders.closed:
                self._decoders = Decoders(self.reader)
            if self._closed:  # perhaps while they started
                self._decoders.close()
                raise ValueError("this classifier is closed")
            with closing(self._decoders.decode(sources)) as decoded:
                images = SampledImages(decoded, self._samples, self._size, self.reader)
                try:
                    engine, *cell_engines = self.engines(
                        images.samples, given=images.calibration
                    )
                except NothingReadable:
                    yield from map(Answer, images)
                    return
                answers = answer_in_order(engine, images, self.combined)
                if self._heat:
                    answers = self._with_heat(answers, cell_engines)
                with progress or nullcontext(lambda: None) as advance:
                    for answer in answers:
                        yield answer
                        advance()

    @property
    def reader(self) -> FrameReader:
        """What decodes an image, in a process of its own, to what the network sees."""
        return FrameReader(self.views, self.options.frames, self.options.max_pixels)

    def engines(
        self,
        samples: Callable[[], np.ndarray],
        *,
        few: bool = False,
        given: Callable[[], Calibration] | None = None,
    ) -> list[ElasticEngine]:
        """Returns the engine of each of its networks, chosen at the first call.

        Args:
            samples: returns images to compare engines on; see `choose_engine`.
            few: whether fewer of them than usual decide, too.
            given: returns what int8 is calibrated on where there are no training
                pictures.

        Raises:
            ConfigError: if this machine lacks the engine or the precision.
            RunError: if one that is asked for by name does not answer as Keras does, or
                there is nothing to calibrate int8 on.
        """
        if not self._engines:
            choose = partial(
                choose_engine,
                engine=self.options.engine,
                precision=self.options.precision,
                batch=None if self.options.batch == "auto" else self.options.batch,
                samples=samples,
                few=few,
                calibration=partial(self._calibration_on, given),
                reporter=self._reporter,
            )
            self._engines = [choose(network) for network in self._networks]
        return self._engines

    def combined(self, outputs: np.ndarray, picture: DecodedImage) -> np.ndarray:
        """Returns what is found in an image, from the outputs for its views.

        Args:
            outputs: those of the network, float32 `(views, ...)`.
            picture: the image.
        """
        width, height = picture.width, picture.height
        places = self.views.geometries(width, height)
        found = self.network.outputs.combined(outputs, places, width, height)
        if self.options.boxes:
            least = self._min_confidence or LEAST_SCORE
            return dense_boxes(found, (width, height), least)
        return found

    def prediction_of(self, answer: Answer) -> Prediction:
        """Returns what an answer of this classifier says of its image."""
        picture, found = answer.picture, answer.found
        return Prediction(
            picture.source.name,
            self.read_answer({}) if found is None else self._answer(found),
            picture.width,
            picture.height,
            picture.error,
            picture.frame,
            None if picture.error else self._known_splits.get(picture.sha256),
            picture.source,
            answer.heat,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Everything but the images that the predictions depend on, as JSON values.

        Options that a user types come first, because the first difference between two
        settings is the one that is reported.
        """
        options = self.options
        return {
            "model": self.model.name,
            "tta": options.tta,
            "dense": options.dense,
            "boxes": options.boxes,
            "tiles": options.tiles,
            "top": self._top,
            "min_confidence": options.min_confidence,
            "frames": options.frames,
            "max_pixels": options.max_pixels,
            "engine": options.engine,
            "precision": options.precision,
            "network": self.network.key,
            "views": repr(self.views),
            "classes": [label for _, label in self.model.classes],
            **self._decision.settings,
            **self._calibration_settings,
        }

    @cached_property
    def training_pictures(self) -> Calibration | None:
        """The training pictures that int8 is calibrated on; None if there are none."""
        size = self.network.image_size
        return self._calibration or run_calibration(self.model, size, self._reporter)

    def require_same_calibration(self) -> None:
        """Checks that int8 is not calibrated on the images that it is asked about.

        Where only some of them are answered at a time, each time would have its own.

        Raises:
            RunError: if it is.
        """
        if self.calibrates_on_the_first:
            raise no_calibration(self.model)

    @property
    def calibrates_on_the_first(self) -> bool:
        """Whether int8 is calibrated on the first images that it is asked about."""
        return self.options.precision == "int8" and not self.training_pictures

    @property
    def variant(self) -> tuple[str, str] | None:
        """The engine that answers, and its precision; None before the first answer."""
        if not self._engines:
            return None
        engine = self._engines[0]
        return engine.name, engine.precision

    def close(self) -> None:
        """Ends all processes at once."""
        self._closed = True
        if self._decoders:
            self._decoders.close()

    def prepare_next_time(self) -> None:
        """Prepares a faster engine for the next time, if there were too few images now.

        Call it after the last answer; see `engines.choice.prepare_next_time`.
        """
        for network, engine in zip(self._networks, self._engines, strict=False):
            prepare_next_time(
                network,
                engine,
                engine=self.options.engine,
                precision=self.options.precision,
                samples=lambda: np.stack(self._samples),
                reporter=self._reporter,
            )

    def __repr__(self) -> str:
        return f"Classifier({self.model.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self.close()
        if error is None:
            with suppress(KeyboardInterrupt):  # all images have been answered
                self.prepare_next_time()

    def _calibration_on(self, given: Callable[[], Calibration] | None) -> Calibration:
        if self.training_pictures:
            return self.training_pictures
        if given is None:
            raise no_calibration(self.model)
        return given()

    @property
    def _calibration_settings(self) -> dict[str, Any]:
        if self.options.precision != "int8":
            return {}
        known = self.training_pictures
        return {"calibration": known.key if known else "the first images"}

    def _with_heat(
        self, answers: Iterator[Answer], cell_engines: Sequence[ElasticEngine]
    ) -> Iterator[Answer]:
        if cell_engines:
            return add_cell_heat(cell_engines[0], answers, self._shown_class)
        if self._mapper is None:
            with self._reporter.wait("loading the network for heat maps"):
                self._mapper = open_mapper(self.model, "grad-cam", None, self._reporter)
        places = self.views.geometries
        return add_view_heat(self._mapper, answers, self._shown_class, places)

    def _shown_class(self, found: np.ndarray) -> tuple[int, RankedClass]:
        """Returns the class whose heat is shown, and its position among the classes."""
        answer = self._answer(found)
        assert isinstance(answer, ClassAnswer)
        first = next(iter((*answer.chosen, *answer.ranking)))
        ids = [class_id for class_id, _ in self.model.classes]
        return ids.index(first.class_id), first

    def _answer(self, found: np.ndarray) -> TaskAnswer:
        return self._decision.answer(
            found, self.model.classes, self._top, self._min_confidence
        )


def _source(image: Image, number: int) -> ImageSource:
    if isinstance(image, bytes):
        return ImageSource(f"image {number}", lambda: image, True, len(image))
    return file_source(str(image))
