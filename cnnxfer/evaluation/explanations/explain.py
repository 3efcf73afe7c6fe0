"""Explains the answers that `predict` gives, picture by picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnxfer.errors import ConfigError
from cnnxfer.evaluation.explanations.explanation import Explanation
from cnnxfer.prediction.heat import Heat
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.prediction.request import PredictionRequest
from cnnxfer.registry import suggestion
from cnnxfer.spelling import option
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.texts import normal

if TYPE_CHECKING:
    from cnnxfer.evaluation.explanations.neighbours import TrainingImages
    from cnnxfer.networks.explained.heat import HeatMapper
    from cnnxfer.prediction.answers import Answer

AT_ONCE = 16  # pictures that are explained together


def find_classes(model: ModelSource, names: Sequence[str]) -> list[int]:
    """Returns the positions of classes among those of a model.

    Args:
        model: the model.
        names: names or ids of classes; a name may be typed in another case.

    Raises:
        ConfigError: if there is no such class, or there are several of the name.
    """
    found = []
    for name in names:
        wanted = normal(name).casefold()
        those = [
            (number, class_id)
            for number, (class_id, label) in enumerate(model.classes)
            if wanted in (normal(label).casefold(), class_id.casefold())
        ]
        exact = [each for each in those if model.classes[each[0]][1] == name]
        those = exact or those
        if not those:
            known = [label for _, label in model.classes]
            raise ConfigError(
                f"{option('--class')} is {name!r}, and {model.place} has no such "
                f"class.{suggestion(name, known)}"
            )
        if len(those) > 1:
            ids = " or ".join(class_id for _, class_id in those)
            raise ConfigError(
                f"{model.place} has {len(those)} classes called {name!r}. Name one by "
                f"its id: {option('--class')} {ids}"
            )
        found.append(those[0][0])
    return found


def explanations(
    request: PredictionRequest,
    mapper: HeatMapper,
    classes: Sequence[int],
    top: int,
    nearest: TrainingImages | None,
) -> Iterator[Explanation]:
    """Yields what explains the answer to each picture of a request, in order.

    The views, and the probabilities, are those that `predict` has.

    Args:
        request: the pictures, and the model that answers them.
        mapper: the same model, whose answers are explained.
        classes: the classes to explain; without any, the most probable ones.
        top: how many of these.
        nearest: finds the training images that are nearest; None for none.
    """
    progress = request.reporter.progress("explaining", request.total, "images")
    with closing(request.classifier.answers(request.sources, progress)) as answers:
        while some := list(islice(answers, AT_ONCE)):
            yield from _explained(request, mapper, some, classes, top, nearest)


def _explained(
    request: PredictionRequest,
    mapper: HeatMapper,
    answers: Sequence[Answer],
    classes: Sequence[int],
    top: int,
    nearest: TrainingImages | None,
) -> Iterator[Explanation]:
    """Yields what explains some answers, computed together; see `explanations`."""
    classifier = request.classifier
    readable = [answer for answer in answers if answer.found is not None]
    rankings = [_by_number(classifier.model, answer.found) for answer in readable]
    labels = np.array([classes or list(ranking)[:top] for ranking in rankings])
    views = np.array([_view(answer) for answer in readable])
    heats = iter(mapper.heat(views, labels) if readable else ())
    neighbours = iter(nearest.nearest(views) if nearest and readable else ())
    explained = zip(rankings, labels.tolist(), strict=True)
    for answer in answers:
        prediction = classifier.prediction_of(answer)
        if answer.found is None:
            yield Explanation(prediction)
            continue
        ranking, numbers = next(explained)
        picture = answer.picture
        places = classifier.views.geometries(picture.width, picture.height)
        yield Explanation(
            prediction,
            tuple(
                Heat(ranking[number], [seen], places)
                for number, seen in zip(numbers, next(heats), strict=True)
            ),
            next(neighbours, ()),
        )


def _by_number(model: ModelSource, found: Any) -> dict[int, RankedClass]:
    """Returns all classes with their probabilities in a picture, the best first."""
    numbers = {class_id: at for at, (class_id, _) in enumerate(model.classes)}
    count = len(model.classes)
    answer: Any = model.decision.answer(found, model.classes, count, None)
    return {numbers[ranked.class_id]: ranked for ranked in answer.ranking}


def _view(answer: Answer) -> np.ndarray:
    assert answer.picture.pixels is not None
    (view,) = answer.picture.pixels  # without test-time augmentation, there is one
    pixels: np.ndarray = view
    return pixels
