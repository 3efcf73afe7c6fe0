"""What a task is: what a network is trained to answer, and how that is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from cnnxfer.config import Config
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.views.views import Views
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.agreement import Bounds, Verdict
from cnnxfer.tasks.answer import TaskAnswer
from cnnxfer.tasks.class_table import ClassTable
from cnnxfer.tasks.score import Score
from cnnxfer.tasks.significance import Accuracy

HEAD = "head"  # name of a head that is a model of maps
# Names of what lies at the two ends of a head: in place of a layer, the maps of the
# backbone that it reads; and the layer behind it, if there is one, which makes answers
# of logits and is in the saved model alone.
MAPS = "maps"
ANSWER = "answer"


class Objective(Protocol):
    """The loss that training minimizes, and the score that selects the best epoch."""

    def loss(self, targets: Any, logits: Any) -> Any:
        """Returns the loss of each image, float32 `(batch,)`.

        Args:
            targets: float32 `(batch, ...)`, as `Task.targets` returns them, or mixed.
            logits: the network's outputs, float32 `(batch, ...)`.
        """

    def accuracy(self, targets: Any, logits: Any) -> Any:
        """Returns 1 for each image that is answered correctly, else 0.

        The arguments are those of `loss`; the result is float32 `(batch,)`.
        """

    def chance_loss(self, targets: np.ndarray) -> float:
        """Returns the mean loss of a model that knows nothing of the images.

        Args:
            targets: `(images, ...)`, as `Task.targets` returns them.
        """

    def score(self, logits: np.ndarray, targets: np.ndarray, epoch: int) -> Score:
        """Returns the score of a model's outputs, computed in float64.

        Args:
            logits: `(images, ...)`.
            targets: `(images, ...)`, as `Task.targets` returns them.
            epoch: the number of the epoch after which the outputs were computed.
        """


class Decision(Protocol):
    """How the answer of a model follows from what it finds in an image."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the answers, in types that JSON has."""

    def answer(
        self,
        found: np.ndarray,
        classes: Sequence[tuple[str, str]],
        top: int,
        min_confidence: float | None,
    ) -> TaskAnswer:
        """Returns the answer to one image.

        Args:
            found: what `Task.combined` returns for the image.
            classes: the id and the readable name of each class, in label order.
            top: the number of classes in a ranking; all if there are fewer. Those that
                are the answer are listed in any case.
            min_confidence: the probability below which no class is an answer; None if
                there is none.
        """

    def read(
        self, record: Mapping[str, Any], min_confidence: float | None
    ) -> TaskAnswer:
        """Returns the answer that `TaskAnswer.record` has written; empty for `{}`.

        Raises:
            KeyError, TypeError: if the record has another form.
        """

    def confidence(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """Returns how sure each answer is, a fraction: float `(images,)`.

        Args:
            found: what `Task.combined` returns for each image.
        """

    def class_probabilities(self, found: Sequence[np.ndarray]) -> np.ndarray | None:
        """Returns how probable each class is in each image, float `(images, classes)`.

        None if answers are not of whole images, but of places in them.

        Args:
            found: what `Task.combined` returns for each image.
        """

    @property
    def quality_name(self) -> str:
        """What `quality` returns of an image, in a few words."""

    def quality(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns how good each answer is, a fraction: float `(images,)`.

        Args:
            found: what `Task.combined` returns for each image.
            examples: the images.

        Raises:
            DataError: if what is known of an image cannot be read any more.
        """

    def resampled_headline(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns `Figures.headline` of resamples of the images, `(resamples,)`.

        The arguments and what is raised are those of `quality`. It is NaN where a
        resample has no such figure; see `bootstrap.resamples`.
        """

    def measure(
        self,
        class_names: Sequence[str],
        found: Sequence[np.ndarray],
        examples: Sequence[Example],
    ) -> tuple[Figures, np.ndarray]:
        """Returns the figures of answers, and which images are right, bool `(images,)`.

        Args:
            class_names: the names of the classes, in label order.
            found: what `Task.combined` returns for each image.
            examples: the images, whose labels are positions in the class names.

        Raises:
            DataError: if what is known of an image cannot be read any more.
        """


class Figures(Protocol):
    """What an evaluation measures of a task's answers; a dataclass of JSON's types."""

    @property
    def right(self) -> Accuracy:
        """The share of images that are answered correctly."""

    @property
    def headline(self) -> tuple[str, Accuracy]:
        """The figure that stands for all: its key in `score.NAMES`, and its value.

        It is `right` where that is an accuracy.
        """

    @property
    def table(self) -> ClassTable:
        """The figures of each class."""

    @property
    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """How often a class, a row each, is answered as which, a column each.

        A row and a column more than there are classes are for nothing. It is empty
        where classes don't exclude each other.
        """

    @property
    def precision_by_recall(self) -> tuple[tuple[float, float], ...]:
        """Recall and precision of thresholds, the highest first; empty without such."""

    def lines(self, before: Any) -> list[str]:
        """Returns the other figures as lines of text.

        Args:
            before: those of the parent on the same images; None without a parent.
        """


class Task(Protocol):
    """A task: what data it takes, what its head learns and how that is measured."""

    @property
    def name(self) -> str:
        """The name, as settings have it."""

    @property
    def activation(self) -> str:
        """Keras's name of the function from logits to probabilities."""

    @property
    def follows_views(self) -> bool:
        """Whether what is to be answered depends on which part of an image is seen."""

    @property
    def merges_views(self) -> bool:
        """Whether `combined` puts together what is found in parts of an image."""

    @property
    def has_scores(self) -> bool:
        """Whether an answer has a score, which may be too low to count."""

    @property
    def outputs(self) -> str:
        """What the saved model returns, in words, for programs that use it."""

    def taken(self, dataset: Dataset, spec: str) -> Dataset:
        """Returns a data set as the task takes it, which may be as it is.

        Args:
            dataset: the data set, as its source lists it.
            spec: the data specification, as it was typed.

        Raises:
            DataError: if it doesn't suit the task.
        """

    def check_other(
        self, dataset: Dataset, spec: str, model: str, several: bool
    ) -> None:
        """Checks that a model of this task can be measured on other data.

        Args:
            dataset: the data set, as its source lists it.
            spec: the data specification, as it was typed.
            model: what messages call the model.
            several: whether an image that it was trained for is known to have another
                number of labels than one.

        Raises:
            DataError: if its images are annotated otherwise than those of the model.
        """

    def targets(
        self,
        examples: Sequence[Example],
        num_classes: int,
        views: Views,
        image_size: int,
    ) -> np.ndarray:
        """Returns what the network is to answer, `(images, ...)`.

        Args:
            examples: images whose labels are in [0, num_classes).
            num_classes: the number of classes, at least 1.
            views: what the network sees of the images.
            image_size: the side of the views, in pixels.

        Raises:
            DataError: if what is known of an image cannot be read any more.
        """

    def check_settings(self, config: Config) -> None:
        """Checks that the task can be learned with the settings.

        Raises:
            ConfigError: if not; for example, if the kind of head cannot give its
                answers.
        """

    def strides(self, kind: str) -> tuple[int, ...]:
        """Returns at which strides a kind of head reads maps of the backbone.

        They ascend; without any, the head reads the pooled features.
        """

    def head_layers(
        self,
        kind: str,
        shapes: Sequence[tuple[int, ...]],
        num_classes: int,
        dropout: float,
        image_size: int,
    ) -> list[Any]:
        """Returns new Keras layers, from what the head reads to float32 logits.

        The first one takes a tensor, or the list of maps. A last one called `ANSWER`
        may make the answers of the saved model from the logits.

        Args:
            kind: a kind of head that the task has, such as `linear`.
            shapes: those of what the head reads, without the batch: `(channels,)` if
                it is pooled, else `(height, width, channels)` of each map.
            num_classes: the number of classes.
            dropout: dropout rate before the first weights, in [0, 1).
            image_size: the side of the network's input images, in pixels.
        """

    def objective(
        self,
        config: Config,
        shapes: Sequence[tuple[int, ...]],
        class_names: Sequence[str],
        examples: Sequence[Example],
        *,
        label_smoothing: float,
        reporter: Reporter,
    ) -> Objective:
        """Returns the objective that the settings ask for.

        Args:
            config: all settings.
            shapes: those of the maps that the head reads; see `head_layers`.
            class_names: the names of the classes, in label order.
            examples: the training images.
            label_smoothing: the phase's label smoothing, in [0, 1).
            reporter: told which figure is monitored and why, if `auto` does not choose
                the usual one.

        Raises:
            ConfigError: if the file of class weights is not valid.
        """

    def output_shape(self, num_classes: int, image_size: int) -> tuple[int, ...]:
        """Returns the shape of what the saved model answers to one image."""

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Returns the probabilities that a network's outputs stand for."""

    def combined(
        self, found: np.ndarray, places: Sequence[Geometry], width: int, height: int
    ) -> np.ndarray:
        """Returns what is found in an image, from what is found in its views.

        Args:
            found: what `probabilities` returns for the views, float32 `(views, ...)`.
            places: where each view lies in the image.
            width: the width of the upright image, in pixels.
            height: its height.

        Returns:
            Of classes, their mean probabilities, float32 `(classes,)`.
        """

    def agreement(
        self, answers: np.ndarray, reference: np.ndarray, bounds: Bounds
    ) -> Verdict:
        """Compares the probabilities that two engines give for the same images.

        Args:
            answers: the engine's, float32 `(images, ...)`.
            reference: those of Keras in float32.
            bounds: how far they may be apart.
        """

    def decision(
        self,
        class_names: Sequence[str],
        thresholds: Mapping[str, float],
        temperature: float | None = None,
    ) -> Decision:
        """Returns how a run's model decides.

        Args:
            class_names: the names of the classes, in label order.
            thresholds: what the run has fitted on its validation images, by the name of
                the class; empty if that is nothing, or not yet done.
            temperature: what the run's logits are to be divided by, where they are
                those of classes; None if they are not.
        """
