"""A set with boxes and masks, and its boxes as outlines: all forms say the same."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotated_images import boxes_of, objects_of, read, write
from faster_coco_eval.core import mask as outlines

from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import SEGMENTATION, Dataset
from cnnxfer.data.objects import LabelledBox
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.reporting import Reporter


@pytest.fixture(scope="module")
def coco128(shared: Path) -> Path:
    path = shared / "data" / "boxes" / "coco128"
    if not path.is_dir():
        pytest.skip(f"needs the data set of {path}")
    return path


@pytest.fixture(scope="module")
def boxes(coco128: Path) -> Dataset:
    return read(coco128 / "data.yaml")


def corners(item: LabelledBox) -> list[float]:
    left, top, right, bottom = item.box
    return [left, top, right, top, right, bottom, left, bottom]


def area(item: LabelledBox) -> float:
    left, top, right, bottom = item.box
    return (right - left) * (bottom - top)


def yolo_outlines(boxes: Dataset, root: Path) -> None:
    for id, image in objects_of(boxes).items():
        size = np.array([image.width, image.height] * 4)
        lines = [
            f"{item.label} {' '.join(map(str, corners(item) / size))}"
            for item in image.objects
        ]
        name = id.replace("images/", "labels/").replace(".jpg", ".txt")
        write(root / name, "\n".join(lines))
    names = json.dumps(boxes.class_names)
    write(root / "data.yaml", f"train: images/train2017\nnames: {names}\n")


def coco_json(boxes: Dataset, root: Path, *, runs: bool) -> None:
    images, objects = [], []
    for number, (id, image) in enumerate(objects_of(boxes).items()):
        size = {"width": image.width, "height": image.height}
        images.append({"id": number, "file_name": id, **size})
        for item in image.objects:
            outline = [corners(item)]
            left, top, right, bottom = item.box
            found = {"image_id": number, "id": len(objects), "segmentation": outline}
            if runs:
                places = image.height, image.width
                merged = outlines.merge(outlines.frPyObjects(outline, *places))
                found["segmentation"] = {
                    "size": places,
                    "counts": merged["counts"].decode(),
                }
            found["bbox"] = [left, top, right - left, bottom - top]
            objects.append({**found, "category_id": 3 * item.label, "iscrowd": 0})
    classes = [
        {"id": 3 * label, "name": name} for label, name in enumerate(boxes.class_names)
    ]
    document = {"images": images, "annotations": objects, "categories": classes}
    write(root / "coco.json", json.dumps(document))


def coco_polygons(boxes: Dataset, root: Path) -> None:
    coco_json(boxes, root, runs=False)


def coco_runs(boxes: Dataset, root: Path) -> None:
    coco_json(boxes, root, runs=True)


@pytest.mark.parametrize("save", [yolo_outlines, coco_polygons, coco_runs])
def test_outlines_are_read_as_the_boxes_that_they_surround(
    coco128: Path,
    boxes: Dataset,
    tmp_path: Path,
    save: Callable[[Dataset, Path], None],
) -> None:
    (tmp_path / "images").symlink_to(coco128 / "images")
    save(boxes, tmp_path)
    found, expected = boxes_of(read(tmp_path)), boxes_of(boxes)
    assert found.keys() == expected.keys()
    for id, items in expected.items():
        assert [name for name, _ in found[id]] == [name for name, _ in items]
        for (_, box), (_, same) in zip(found[id], items, strict=True):
            assert box == pytest.approx(same, abs=0.002)


def test_drawn_outlines_fill_their_boxes(
    coco128: Path, boxes: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "images").symlink_to(coco128 / "images")
    coco_polygons(boxes, tmp_path)
    drawn = suited_to(read(tmp_path), SEGMENTATION, "none", Reporter())
    known = objects_of(boxes)
    for example in drawn.examples[:16]:
        image, mask = known[example.id], example.annotation
        assert isinstance(mask, ClassMask)
        labels = replace(mask, width=image.width, height=image.height).pixels()
        across, down = np.arange(image.width) + 0.5, np.arange(image.height) + 0.5
        background = drawn.class_names.index("background")
        expected = np.full(labels.shape, background, np.uint8)
        for item in sorted(image.objects, key=area, reverse=True):
            left, top, right, bottom = item.box
            inside = np.ix_(
                (down > top) & (down < bottom), (across > left) & (across < right)
            )
            name = boxes.class_names[item.label]
            expected[inside] = drawn.class_names.index(name)
        assert (labels == expected).mean() > 0.99


def test_masks_show_the_classes_of_the_boxes_where_the_boxes_are(
    coco128: Path, boxes: Dataset
) -> None:
    masks = suited_to(read(coco128), SEGMENTATION, "unlabeled", Reporter())
    known, inside, distances = objects_of(boxes), [], []
    for example in masks.examples:
        image, mask = known[example.id], example.annotation
        assert isinstance(mask, ClassMask)
        if not image.objects:  # background has no text file, which has the size
            continue
        labels = replace(mask, width=image.width, height=image.height).pixels()
        names = {boxes.class_names[label] for label in image.labels}
        shown = {masks.class_names[label] for label in mask.labels}
        assert names == shown & set(boxes.class_names), example.id
        for label in image.labels:
            pixels = labels == masks.class_names.index(boxes.class_names[label])
            edges = np.array([it.box for it in image.objects if it.label == label])
            covered = np.zeros_like(pixels)
            for left, top, right, bottom in edges.round().astype(int):
                covered[top:bottom, left:right] = True
            inside.append((pixels.sum(), (pixels & covered).sum()))
            if len(edges) == 1:
                down, across = np.nonzero(pixels)
                around = across.min(), down.min(), across.max() + 1, down.max() + 1
                distances.append(np.abs(around - edges[0]).max())
    total, within = np.sum(inside, axis=0)
    assert within > 0.96 * total  # crowds have no boxes
    assert len(distances) > 150
    assert np.quantile(distances, 0.95) < 2  # pixels
