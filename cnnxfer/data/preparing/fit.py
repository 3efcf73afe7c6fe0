"""Makes annotations fit their pictures, and tells what was done for that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cnnxfer.data.annotation import Annotation
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.images.decode import upright_size
from cnnxfer.data.masks.mask_file import MaskFile
from cnnxfer.data.masks.polygons import PolygonMask
from cnnxfer.data.objects import Objects
from cnnxfer.data.preparing.boxes import SCALED, TURNED, Repaired, fit_boxes
from cnnxfer.errors import DataError, PassingError

MASK_TURNED = "mask-turned"


@dataclass(frozen=True)
class Repair:
    """Something that was done so that an annotation fits its picture.

    Attributes:
        id: the picture.
        kind: what was done: one of the words of this module and of `boxes`.
        note: to what it was done, such as a box.
    """

    id: str
    kind: str
    note: str


def fit_annotations(
    rows: Iterable[IndexRow],
) -> tuple[list[IndexRow], list[Repair]]:
    """Returns pictures whose boxes and masks have their size, and what was repaired.

    A picture whose annotation does not fit, or cannot be read, has a problem from then
    on, and no hash: nothing finds it again by its content. Labels fit any picture.

    Args:
        rows: the pictures, with what reading them has told; those that have a problem
            remain as they are.
    """
    fitted, repairs = [], []
    for row in rows:
        example = row.example
        if not row.problem:
            try:
                annotation, repaired = _fitted(row)
            except DataError as error:
                example = replace(example, sha256="")
                is_passing = isinstance(error, PassingError)
                row = IndexRow(example, problem=str(error), passing=is_passing)
            else:
                repairs += [Repair(example.id, *each) for each in repaired]
                row = replace(row, example=replace(example, annotation=annotation))
        fitted.append(row)
    return fitted, repairs


def _fitted(row: IndexRow) -> tuple[Annotation, list[Repaired]]:
    annotation = row.example.annotation
    if isinstance(annotation, Objects):
        return fit_boxes(annotation, row)
    if isinstance(annotation, ClassMask):
        return _fitted_mask(annotation, row)
    return annotation, []


def _fitted_mask(mask: ClassMask, row: IndexRow) -> tuple[ClassMask, list[Repaired]]:
    reader, repaired = mask.reader, list[Repaired]()
    if isinstance(reader, PolygonMask):
        objects, repaired = fit_boxes(reader.objects, row)
        has_runs = any(item.rle for item in objects.objects)
        for kind, note in repaired:
            if has_runs and kind in (SCALED, TURNED):  # as polygons are, and runs not
                raise DataError(f"mask of run lengths {note}")
        reader = replace(reader, objects=objects)
    elif isinstance(reader, MaskFile):
        reader, repaired = _fitted_file(reader, row)
    fitted = replace(mask, reader=reader, width=row.width, height=row.height)
    return fitted, repaired


def _fitted_file(mask: MaskFile, row: IndexRow) -> tuple[MaskFile, list[Repaired]]:
    facts, size = mask.facts, (row.width, row.height)
    if facts.problem:
        failure = PassingError if facts.passing else DataError
        raise failure(f"mask {mask.name}: {facts.problem}")
    found = facts.width, facts.height
    if found == size:
        return mask, []
    note = f"{facts.width} x {facts.height} pixels, not {row.width} x {row.height}"
    if upright_size(found, row.orientation) == size:
        return replace(mask, orientation=row.orientation), [(MASK_TURNED, note)]
    raise DataError(f"mask {mask.name} of {note}")
