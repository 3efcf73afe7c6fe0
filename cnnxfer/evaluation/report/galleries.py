"""Which images a report shows: the worst answers, the best ones and the unsure ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from markupsafe import Markup
from PIL import Image

from cnnxfer.data.dataset import TEST, Example
from cnnxfer.data.images.annotated import draw_annotation
from cnnxfer.data.preparing.exclude import format_line
from cnnxfer.evaluation.explanations.heat_maps import heat_maps
from cnnxfer.evaluation.report.measured import MeasuredPart
from cnnxfer.evaluation.suspects import suspected_labels
from cnnxfer.pages.thumbnails import thumbnail_urls
from cnnxfer.prediction.model_source import run_model
from cnnxfer.prediction.outputs.heatmap import draw_heatmap
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.spelling import command
from cnnxfer.tasks.answer import TaskAnswer
from cnnxfer.tasks.class_task import class_targets

SUSPECTS = (
    "The model finds another class more probable, in as many images as labels are "
    "estimated to be wrong. Correct those that are. Leave none out that is only hard: "
    "figures without hard images are too good. To judge training images, too: "
)
MOST = 12  # images of a gallery
WIDTH, HEIGHT = 240, 180  # of a picture, at most; the height is 11.25rem in style.css


@dataclass(frozen=True)
class ShownAnswer:
    """An image with its labels and what a model answers.

    Attributes:
        example: the image.
        size: its width and height, in pixels.
        labels: the names of the classes that it shows.
        answer: what the model answers.
        right: whether that is right.
        quality: how good it is, a fraction.
    """

    example: Example
    size: tuple[int, int]
    labels: tuple[str, ...]
    answer: TaskAnswer
    right: bool
    quality: float


@dataclass(frozen=True)
class Gallery:
    """Images that are shown together.

    Attributes:
        kind: `wrong`, `right` or `note`, which gives it a colour.
        title: what they have in common.
        order: which of them come first.
        count: how many there are, of which some are shown.
        answers: those that are shown.
        remark: what to do about them; "" for nothing.
        listed: all of them, as lines of a list for `--exclude`; empty where that is of
            no use.
    """

    kind: str
    title: str
    order: str
    count: int
    answers: tuple[ShownAnswer, ...]
    remark: str = ""
    listed: tuple[str, ...] = ()


def galleries_of(part: MeasuredPart) -> list[Gallery]:
    """Returns what is worth looking at of the answers to a split."""
    worst = np.lexsort([-part.confidence, part.quality])
    best = np.lexsort([-part.confidence, -part.quality])
    unsure = np.argsort(part.confidence, kind="stable")
    wrong, right = worst[~part.right[worst]], best[part.right[best]]
    quality = part.decision.quality_name
    galleries = [
        _suspects(part),
        _gallery(part, "wrong", "wrong answers", f"lowest {quality} first", wrong),
        _gallery(part, "right", "right answers", f"highest {quality} first", right),
        _gallery(part, "note", "least sure answers", "in order", unsure[:MOST]),
    ]
    return [gallery for gallery in galleries if gallery.count]


def shown_answer(part: MeasuredPart, at: int) -> ShownAnswer:
    """Returns an image of a split with its answer, by its position."""
    example = part.examples[at]
    return ShownAnswer(
        example,
        part.answered.sizes[at],
        tuple(part.class_names[label] for label in example.labels),
        part.answer(at),
        bool(part.right[at]),
        float(part.quality[at]),
    )


@dataclass(frozen=True)
class Pictures:
    """The pictures of a report, as data URLs by the ids of their images.

    An image that cannot be read has an empty one.

    Attributes:
        answers: with what the model has found drawn into them.
        labels: with what the data set knows; none where it knows no places.
        heat: with what speaks for the first class, as colours over them.
    """

    answers: dict[str, Markup] = field(default_factory=dict)
    labels: dict[str, Markup] = field(default_factory=dict)
    heat: dict[str, Markup] = field(default_factory=dict)


def draw_answers(
    answers: Iterable[ShownAnswer],
    class_names: Sequence[str],
    reporter: Reporter,
    seconds: float,
) -> Pictures:
    """Returns the pictures of answers.

    Those that are not drawn after so many seconds are left out.
    """
    shown = {answer.example.id: answer for answer in answers}
    examples = [answer.example for answer in shown.values()]
    placed = [
        answer.example for answer in shown.values() if answer.answer.kind != "classes"
    ]

    def urls(
        of: Sequence[Example], draw: Callable[[Example, Image.Image], Image.Image]
    ) -> dict[str, Markup]:
        return thumbnail_urls(of, WIDTH, HEIGHT, reporter, draw, seconds)

    return Pictures(
        urls(
            examples,
            lambda example, image: shown[example.id].answer.drawn(
                image, shown[example.id].size
            ),
        ),
        urls(
            placed,
            lambda example, image: draw_annotation(
                image, example.annotation, class_names, shown[example.id].size
            ),
        ),
    )


def draw_heat(
    run: Run, answers: Iterable[ShownAnswer], reporter: Reporter
) -> dict[str, Markup]:
    """Returns pictures of what speaks for the first class of each answer.

    They are data URLs by the ids of the images; none of tasks of places.
    """
    model = run_model(run)
    shown = {answer.example.id: answer for answer in answers}
    if model.task.follows_views or not shown:
        return {}
    examples = [answer.example for answer in shown.values()]
    names = run.class_names
    tops = [answer.answer.top for answer in shown.values()]
    labels = [names.index(top.label) for top in tops if top]
    maps = heat_maps(model, examples, labels, side=WIDTH, reporter=reporter)
    heat = {
        example.id: found
        for example, found in zip(examples, maps, strict=True)
        if found is not None
    }
    explained = [example for example in examples if example.id in heat]
    return thumbnail_urls(
        explained,
        WIDTH,
        HEIGHT,
        reporter,
        lambda example, image: draw_heatmap(image, heat[example.id]),
    )


def _suspects(part: MeasuredPart) -> Gallery:
    """Returns images whose labels may be wrong, none of tasks of places.

    The model has not learned from them, as `suspected_labels` asks for.
    """
    probabilities = part.decision.class_probabilities(part.answered.found)
    suspects: list[int] = []
    if probabilities is not None:
        classes = len(part.class_names)
        single = all(len(example.labels) == 1 for example in part.examples)
        labels = (
            np.array([example.label for example in part.examples])
            if single
            else class_targets(part.examples, classes).astype(bool)
        )
        found = suspected_labels(probabilities, labels)
        suspects = [suspect.image for suspect in found if suspect.likely]
    gallery = _gallery(
        part,
        "warning",
        "labels that may be wrong",
        "most doubtful first",
        np.array(suspects, int),
    )
    return replace(
        gallery,
        remark=SUSPECTS + command("check", "SPEC", labels=True),
        # Not of a test, which would be easier without what the model gets wrong.
        listed=tuple(
            format_line(part.examples[at].id) for at in suspects if part.split != TEST
        ),
    )


def _gallery(
    part: MeasuredPart, kind: str, title: str, order: str, positions: np.ndarray
) -> Gallery:
    shown = (shown_answer(part, at) for at in positions[:MOST].tolist())
    return Gallery(kind, title, order, len(positions), tuple(shown))
