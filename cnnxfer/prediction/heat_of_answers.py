"""Answers get their heat: where in the image the class is that is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, tee
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.data.geometry import Geometry
from cnnxfer.engines.engine import Engine
from cnnxfer.prediction.answers import Answer
from cnnxfer.prediction.heat import Heat
from cnnxfer.tasks.answer import RankedClass

if TYPE_CHECKING:
    from cnnxfer.networks.explained.heat import HeatMapper

AT_ONCE = 16  # images whose views are explained together
# Maps what is found in an image to the class whose heat is shown, and its position
# among the classes.
ShownClass = Callable[[np.ndarray], tuple[int, RankedClass]]
Places = Callable[[int, int], Sequence[Geometry]]  # of views, by an image's size


def add_cell_heat(
    engine: Engine, answers: Iterable[Answer], shown: ShownClass
) -> Iterator[Answer]:
    """Yields answers to whole images with their heat: the probability at each cell.

    Args:
        engine: it runs a `cell_network`.
        answers: the answers, whose pixels are those of a `DenseView`.
        shown: chooses the class.
    """
    answers, answers_to_run = tee(answers)
    pixels = (answer.picture.pixels for answer in answers_to_run)
    cells = engine.run(views for views in pixels if views is not None)
    for answer in answers:
        if answer.found is None:
            yield answer
            continue
        number, ranked = shown(answer.found)
        size = answer.picture.width, answer.picture.height
        place = Geometry.of_box((0, 0, *size), 1)
        yield replace(answer, heat=Heat(ranked, [next(cells)[0, ..., number]], [place]))


def add_view_heat(
    mapper: HeatMapper, answers: Iterable[Answer], shown: ShownClass, places: Places
) -> Iterator[Answer]:
    """Yields answers with their heat: what in their views speaks for the class.

    Args:
        mapper: explains the network that has answered.
        answers: the answers; some are taken ahead, and explained together.
        shown: chooses the class.
        places: says where the views lie in an image.
    """
    answers = iter(answers)
    while some := list(islice(answers, AT_ONCE)):
        pixels = (each.picture.pixels for each in some)
        views = [each for each in pixels if each is not None]
        classes = [shown(each.found) for each in some if each.found is not None]
        counts = [len(each) for each in views]
        labels = np.repeat([number for number, _ in classes], counts)
        heat = mapper.heat(np.concatenate(views), labels[:, None]) if views else ()
        seen = iter([each for (each,) in heat])
        explained = zip(classes, counts, strict=True)
        for answer in some:
            if answer.found is None:
                yield answer
                continue
            (_, ranked), count = next(explained)
            size = answer.picture.width, answer.picture.height
            found = Heat(ranked, list(islice(seen, count)), places(*size))
            yield replace(answer, heat=found)
