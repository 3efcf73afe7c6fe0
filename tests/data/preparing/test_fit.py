"""Tests that masks fit their pictures, or the pictures are left out."""

from dataclasses import replace
from pathlib import Path

import pytest

from cnnxfer.data.annotation import Annotation, Labels
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.masks.mask_file import MaskFacts, MaskFile
from cnnxfer.data.masks.polygons import PolygonMask
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.data.preparing.fit import fit_annotations

BOX = LabelledBox(0, (1.0, 2.0, 3.0, 4.0))
RUNS = replace(BOX, rle="0")


def row(annotation: Annotation, **more) -> IndexRow:
    example = Example("a.jpg", annotation, None, Path("a.jpg"), sha256="abc")
    return IndexRow(example, 40, 20, **more)


def mask(**facts) -> ClassMask:
    reader = MaskFile("a.png", Path("a.png"), facts=MaskFacts(**facts))
    return ClassMask(reader, {0: 0}, (0,))


def test_labels_and_broken_images_stay_as_they_are() -> None:
    rows = [row(Labels((0,))), row(mask(), problem="gone")]
    assert fit_annotations(rows) == (rows, [])


def test_boxes_get_the_size_of_their_picture() -> None:
    ((found,), (repair,)) = fit_annotations([row(Objects((BOX,), 20, 10))])
    assert found.example.annotation == Objects(
        (replace(BOX, box=(2.0, 4.0, 6.0, 8.0)),), 40, 20
    )
    assert (repair.id, repair.kind) == ("a.jpg", "scaled")
    assert repair.note == "for 20 x 10 pixels, not 40 x 20"


def test_a_mask_of_its_picture_s_size_is_known_to_have_it() -> None:
    ((found,), repairs) = fit_annotations([row(mask(width=40, height=20))])
    assert found.example.annotation == replace(
        mask(width=40, height=20), width=40, height=20
    )
    assert not repairs


def test_a_mask_of_the_stored_size_is_turned_along() -> None:
    ((found,), (repair,)) = fit_annotations(
        [row(mask(width=20, height=40), orientation=6)]
    )
    assert found.example.annotation.reader.orientation == 6
    assert repair.kind == "mask-turned"


def test_outlines_are_fitted_before_they_are_drawn() -> None:
    drawn = ClassMask(PolygonMask("a", Objects((BOX,), 20, 10)), {0: 0}, (0,))
    ((found,), _) = fit_annotations([row(drawn)])
    assert found.example.annotation.reader.objects.width == 40


@pytest.mark.parametrize(
    ("annotation", "problem"),
    [
        (mask(width=20, height=40), "mask a.png of 20 x 40 pixels, not 40 x 20"),
        (mask(problem="truncated PNG"), "mask a.png: truncated PNG"),
        (
            ClassMask(PolygonMask("a", Objects((RUNS,), 20, 10)), {0: 0}, (0,)),
            "mask of run lengths for 20 x 10 pixels, not 40 x 20",
        ),
        (Objects((BOX,), 9, 9), "boxes for 9 x 9 pixels, not 40 x 20"),
    ],
)
def test_what_does_not_fit_is_a_problem_of_the_image(annotation, problem) -> None:
    ((found,), repairs) = fit_annotations([row(annotation)])
    assert (found.problem, found.sha256, repairs) == (problem, "", [])


def test_a_mask_that_cannot_be_read_now_may_be_later() -> None:
    ((found,), _) = fit_annotations([row(mask(problem="permission denied"))])
    assert not found.passing
    passing = mask(problem="permission denied", passing=True)
    ((found,), _) = fit_annotations([row(passing)])
    assert found.passing
