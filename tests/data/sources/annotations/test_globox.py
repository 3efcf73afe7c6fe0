"""What globox writes is read as what it was told to write."""

from collections.abc import Callable
from pathlib import Path

import pytest
from annotated_images import NamedBox, boxes_of, read, write, write_images
from globox import Annotation, AnnotationSet, BoundingBox

OBJECTS = {
    "a.jpg": [("cat", (10, 5, 30, 15)), ("dog", (2, 3, 9, 20))],
    "b.jpg": [("dog", (1, 1, 40, 20))],
    "c.jpg": [],
}
NUMBERS = {"cat": 1, "dog": 0}


def box(
    label: str, left: float, top: float, right: float, bottom: float
) -> BoundingBox:
    return BoundingBox(label=label, xmin=left, ymin=top, xmax=right, ymax=bottom)


@pytest.fixture
def annotations() -> AnnotationSet:
    return AnnotationSet(
        Annotation(
            image_id=name,
            image_size=(40, 20),
            boxes=[box(label, *edges) for label, edges in objects],
        )
        for name, objects in OBJECTS.items()
    )


def coco(annotations: AnnotationSet, root: Path) -> None:
    annotations.save_coco(root / "boxes.json", label_to_id=NUMBERS, auto_ids=True)


def labelme(annotations: AnnotationSet, root: Path) -> None:
    annotations.save_labelme(root)


def voc(annotations: AnnotationSet, root: Path) -> None:
    annotations.save_pascal_voc(root)


def yolo(annotations: AnnotationSet, root: Path) -> None:
    annotations.save_yolo_darknet(root / "labels", label_to_id=NUMBERS)
    write(root / "classes.txt", "dog\ncat\n")


def via(annotations: AnnotationSet, root: Path) -> None:
    annotations.save_via_json(root / "via.json", image_folder=root, label_key="class")


@pytest.mark.parametrize("save", [coco, labelme, voc, yolo, via])
def test_nothing_is_lost(
    tmp_path: Path,
    annotations: AnnotationSet,
    save: Callable[[AnnotationSet, Path], None],
):
    folder = "images/" if save is yolo else ""
    write_images(tmp_path, *(folder + name for name in OBJECTS))
    save(annotations, tmp_path)
    start = 1 if save is voc else 0  # its pixels count from 1

    def expected(objects: list[NamedBox]) -> list[NamedBox]:
        return [
            (name, (left - start, top - start, right, bottom))
            for name, (left, top, right, bottom) in objects
        ]

    assert boxes_of(read(tmp_path)) == {
        folder + name: expected(objects) for name, objects in OBJECTS.items()
    }
