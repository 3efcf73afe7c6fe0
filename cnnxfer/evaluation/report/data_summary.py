"""What a run was trained on: how many images of each class, and some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from PIL import Image

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import SPLITS, TRAIN, Example
from cnnxfer.data.images.annotated import draw_annotation
from cnnxfer.pages.thumbnails import thumbnail_urls
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.runs.run import PLACES

SAMPLES = 4  # pictures of a class
MOST_SAMPLES = 96  # pictures of all classes
WIDTH, HEIGHT = 120, 90  # of a picture, at most, in pixels


@dataclass(frozen=True)
class ClassOfData:
    """A class of a data set.

    Attributes:
        name: its name.
        train: how many training images show it.
        validation: how many validation images.
        test: how many test images.
        samples: some of the training images that show it.
    """

    name: str
    train: int
    validation: int
    test: int
    samples: tuple[Example, ...] = ()


def summarize_data(
    class_names: Sequence[str], splits: Mapping[str, Sequence[Example]]
) -> list[ClassOfData]:
    """Returns the classes of a run in label order, with samples.

    Args:
        class_names: the names of the classes, in label order.
        splits: the images of each split; of each class, the first training images are
            its samples.
    """
    samples = _samples(splits[TRAIN], len(class_names))
    labels = {
        split: [example.labels for example in examples]
        for split, examples in splits.items()
    }
    return [
        ClassOfData(*row, tuple(samples[label]))
        for label, row in enumerate(_counted(class_names, labels))
    ]


def recorded_data(run: Run) -> list[ClassOfData]:
    """Returns the classes of a run whose images are gone, as far as it knows them.

    There are none if its labels tell places: only with the images they are read.
    """
    names, rows = run.class_names, run.split
    if any(row.label.startswith(PLACES) for row in rows):
        return []
    numbers = {name: label for label, name in enumerate(names)}
    labels: dict[str, list[tuple[int, ...]]] = {split: [] for split in SPLITS}
    for row in rows:
        labels[row.split].append(Labels(()).recorded(row.label, numbers).labels)
    return [ClassOfData(*row) for row in _counted(names, labels)]


def draw_samples(
    classes: Sequence[ClassOfData], reporter: Reporter, seconds: float
) -> Mapping[str, Markup]:
    """Returns the pictures of the samples as data URLs, by their ids.

    Those that are not drawn after so many seconds are left out.
    """
    names = [row.name for row in classes]
    samples = {each.id: each for row in classes for each in row.samples}

    def draw(example: Example, image: Image.Image) -> Image.Image:
        return draw_annotation(image, example.annotation, names)

    return thumbnail_urls(
        list(samples.values()), WIDTH, HEIGHT, reporter, draw, seconds
    )


def _samples(examples: Iterable[Example], classes: int) -> list[list[Example]]:
    each = max(1, min(SAMPLES, MOST_SAMPLES // classes))
    samples: list[list[Example]] = [[] for _ in range(classes)]
    for example in examples:
        for label in example.labels:
            if label < MOST_SAMPLES and len(samples[label]) < each:
                samples[label].append(example)
    return samples


def _counted(
    class_names: Sequence[str], labels: Mapping[str, Iterable[tuple[int, ...]]]
) -> list[tuple[str, int, int, int]]:
    """Returns each class with how many images of each split show it."""
    counts = [
        Counter(label for shown in labels[split] for label in shown) for split in SPLITS
    ]
    train, validation, test = counts
    return [
        (name, train[label], validation[label], test[label])
        for label, name in enumerate(class_names)
    ]
