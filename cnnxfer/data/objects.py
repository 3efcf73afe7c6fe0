"""What a data set knows of the objects in an image: a class and a box for each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from cnnxfer.data.dataset import DETECTION, LOCALIZATION

if TYPE_CHECKING:  # NumPy is heavy, and sources are looked up without it
    from cnnxfer.data.geometry import Box, Geometry

# A view keeps an object if at least this share of its box is seen, as the part of it
# that is seen. Less of it is hardly recognized, and would teach the wrong box.
MIN_VISIBLE = 0.3
MIN_SIDE = 1.0  # of what is seen of a box, in pixels of the view
# Of a view, so that all batches have the same shape. Of more, the largest are learned.
MAX_LEARNED = 100


@dataclass(frozen=True, slots=True)
class LabelledBox:
    """An object in an image.

    Attributes:
        label: its class, as an index into the class names.
        box: left, top, right and bottom edge, in pixels of the upright image, counted
            from 0 at the outer edge of the first pixel.
        crowd: whether the box holds many objects of the class, none of which is boxed.
            No object is learned from it, and what a model finds in it is not counted.
        polygons: the outline, if the data has one: each polygon as across, down,
            across, down, ... in the same pixels.
        rle: the pixels of the object, if the data has them so: the run lengths of
            COCO's compressed form, for the picture's own width and height.
    """

    label: int
    box: Box
    crowd: bool = False
    polygons: tuple[tuple[float, ...], ...] = ()
    rle: str = ""


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects that an image shows; without any, it is background.

    Attributes:
        objects: in the order of the data set.
        width: the width of the picture that the boxes are for, in pixels; 0 if the data
            does not tell.
        height: its height.
    """

    objects: tuple[LabelledBox, ...] = ()
    width: int = 0
    height: int = 0
    least_classes: ClassVar[int] = 1  # where an object is can be learned of one class

    @property
    def labels(self) -> tuple[int, ...]:
        """The classes of the objects, ascending, each once."""
        return tuple(sorted({item.label for item in self.objects}))

    def renumbered(self, numbers: Mapping[int, int]) -> Objects:
        """Returns it with other indices; objects of other classes are left out."""
        kept = tuple(
            replace(item, label=numbers[item.label])
            for item in self.objects
            if item.label in numbers
        )
        return replace(self, objects=kept)

    def through(self, geometry: Geometry) -> Objects:
        """Returns what a view shows of the objects, in pixels of the view.

        Of a box, what lies inside the view remains, if that is at least `MIN_VISIBLE`
        of its area and `MIN_SIDE` wide and high. In a turned view, it is the upright
        box around what is seen of the turned one. Polygons follow; run lengths cannot,
        and are left out.
        """
        import numpy as np

        from cnnxfer.data.geometry import area_of, part_in_square

        kept = []
        boxes = np.reshape([item.box for item in self.objects], (-1, 4))
        # Left and top, right and top, right and bottom, left and bottom.
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]]
        places = geometry.to_view(corners.reshape(-1, 2)).reshape(-1, 4, 2)
        for item, corners_seen in zip(self.objects, places.tolist(), strict=True):
            place = [(across, down) for across, down in corners_seen]
            seen = part_in_square(place, geometry.size)
            if not seen or area_of(seen) < MIN_VISIBLE * area_of(place):
                continue
            across, down = zip(*seen, strict=True)
            box = (min(across), min(down), max(across), max(down))
            if min(box[2] - box[0], box[3] - box[1]) < MIN_SIDE:
                continue
            polygons = tuple(
                tuple(geometry.to_view(np.reshape(polygon, (-1, 2))).ravel().tolist())
                for polygon in item.polygons
            )
            kept.append(replace(item, box=box, polygons=polygons, rle=""))
        return Objects(tuple(kept), geometry.size, geometry.size)

    def text(self, class_names: Sequence[str]) -> str:
        """Returns the objects as a JSON list of `[class, left, top, right, bottom]`.

        The size of the picture comes first, as `[width, height]`. What an object has of
        these follows its box: 1 for a crowd, the list of its polygons, its run lengths.
        """
        rows: list[list[object]] = [[self.width, self.height]]
        for item in self.objects:
            polygons = [list(map(_short, polygon)) for polygon in item.polygons]
            more: list[object] = [int(item.crowd), polygons, item.rle]
            while more and not more[-1]:
                more.pop()
            rows.append([class_names[item.label], *map(_short, item.box), *more])
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))

    def recorded(self, text: str, numbers: Mapping[str, int]) -> Objects:
        """Returns the objects that a text stands for; see `text`."""
        (width, height), *rows = json.loads(text)
        objects = tuple(
            LabelledBox(
                numbers[name],
                (float(left), float(top), float(right), float(bottom)),
                bool(more[0]) if more else False,
                tuple(tuple(map(float, polygon)) for polygon in more[1])
                if len(more) > 1
                else (),
                more[2] if len(more) > 2 else "",
            )
            for name, left, top, right, bottom, *more in rows
        )
        return Objects(objects, int(width), int(height))


def task_of_objects(images: Iterable[Objects]) -> str:
    """Returns the task of images: localization, if each of them has one object."""
    single = all(sum(not item.crowd for item in each.objects) == 1 for each in images)
    return LOCALIZATION if single else DETECTION


def _short(value: float) -> float | int:
    """Returns a number as JSON writes it shortest, to a thousandth of a pixel."""
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded
