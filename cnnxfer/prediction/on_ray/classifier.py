"""A classifier whose images the machines of a Ray cluster answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from pathlib import Path

from cnnxfer.config.prediction import ClassifierOptions, PredictOptions
from cnnxfer.data.images.source import ImageSource
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.prediction.on_ray.blocks import answer_in_blocks
from cnnxfer.prediction.on_ray.cluster import Cluster
from cnnxfer.prediction.on_ray.worker import Order
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.registry import BUILT_IN
from cnnxfer.reporting import Advance, Reporter
from cnnxfer.version import __version__


class RayClassifier(Classifier):
    """Answers as a classifier of this machine does; no network is loaded here.

    The cluster is connected to with the first images, and left when it is closed.
    """

    def __init__(
        self,
        model: ModelSource,
        options: PredictOptions,
        reporter: Reporter,
        *,
        heat: bool = False,
    ) -> None:
        super().__init__(model, options, reporter, heat=heat)
        self._cluster: Cluster | None = None
        self._place = options.on
        names = [field.name for field in fields(ClassifierOptions)]
        shared = {name: getattr(options, name) for name in names}
        self._order = Order(_name(model), ClassifierOptions(**shared), heat)

    def predictions(
        self,
        sources: Iterable[ImageSource],
        progress: AbstractContextManager[Advance] | None = None,
    ) -> Generator[Prediction, None, None]:
        """Yields a prediction for each image, in order; see `Classifier.answers`."""
        if self._cluster is None:
            with self._reporter.wait(f"starting workers on {self._place}"):
                self._cluster = Cluster(
                    self._place,
                    self._order,
                    {"version": __version__, **self.settings},
                    self.read_answer({}),
                    self._reporter,
                )
        taken: deque[ImageSource] = deque()

        def noted() -> Iterator[ImageSource]:
            for source in sources:
                taken.append(source)
                yield source

        with progress or nullcontext(lambda: None) as advance:
            for answer in answer_in_blocks(noted(), self._cluster):
                source = taken.popleft()
                for prediction in answer:
                    yield replace(prediction, source=source)
                    advance()

    @property
    def variant(self) -> tuple[str, str] | None:
        """The engines that have answered, and their precisions, each in one text."""
        found = sorted(self._cluster.variants) if self._cluster else []
        if not found:
            return None
        engines, precisions = (sorted(set(each)) for each in zip(*found, strict=True))
        return " or ".join(engines), " or ".join(precisions)

    def close(self) -> None:
        """Ends all workers at once."""
        super().close()
        if self._cluster:
            self._cluster.close()


def _name(model: ModelSource) -> str:
    """Returns what `find_model` finds the same model by, in any working directory."""
    if model.run or model.exported or Path(model.place).exists():
        return str(Path(model.place).absolute())
    return f"{BUILT_IN}{model.name}"
