"""Pascal VOC: an XML file an image, as LabelImg and many other tools write it.

The top left pixel has the coordinates (1, 1), and both corners belong to the box. So
the edges, counted from 0, are at `xmin - 1`, `ymin - 1`, `xmax` and `ymax`, as
detectron2 reads them, too. LabelImg counts from 0 and raises a 0 to 1: its boxes come
out a pixel larger to the left and the top, at most. A file that has a coordinate of 0
counts from 0.

Sources: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html,
`detectron2/data/datasets/pascal_voc.py`, and `convertPoints2BndBox` in LabelImg's
`libs/labelFile.py`.
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from xml.etree.ElementTree import Element

from cnnxfer.data.sources.annotations.annotated import (
    AnnotatedImage,
    NamedObject,
    Reading,
)
from cnnxfer.data.sources.annotations.files import read_limited, read_xml
from cnnxfer.data.sources.annotations.image_sets import SETS, ImageSets
from cnnxfer.data.sources.annotations.shapes import numbers
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.errors import DataError
from cnnxfer.reporting import listed
from cnnxfer.texts import normal

ROOT = "annotation"
EDGES = ("xmin", "ymin", "xmax", "ymax")
MAX_TRIED = 10  # files that may be of another kind


def find(names: Sequence[str], root: str) -> list[str]:
    """Returns the XML files if there are annotations among the first of them."""
    files = [name for name in names if name.lower().endswith(".xml")]
    for name in files[:MAX_TRIED]:
        try:
            content = read_limited(os.path.join(root, name))
        except DataError:
            continue
        if f"<{ROOT}".encode() in content[:1000]:
            return files
    return []


def read(files: Sequence[str], reading: Reading) -> Iterator[AnnotatedImage]:
    """Yields what each file says of its image.

    The image has the name of the file, or else the one that the file tells. Where there
    are lists of images in `ImageSets/Main`, they tell the splits, and images in none of
    them are left out.
    """
    reading.format = "Pascal VOC"
    sets = ImageSets.read(reading.names, reading.root, "Main")
    yield from reading.each(files, partial(_image, reading, sets))


def _image(reading: Reading, sets: ImageSets, file: str) -> AnnotatedImage | None:
    document = read_xml(file)
    if document.tag != ROOT:
        return None
    name = os.path.relpath(file, reading.root or ".").replace(os.sep, "/")
    stem = os.path.splitext(name.rpartition("/")[2])[0]
    split = split_in(name.rpartition("/")[0])
    lists = sets.around(name)
    if lists is not None:
        if normal(stem) not in lists:
            reading.left_out["image", f"that no list in {sets.part} names"] += 1
            return None
        split = SETS[lists[normal(stem)]]
    told = _text(document, "filename")
    suffix = os.path.splitext(told)[1]
    names = [stem + suffix, stem, told] if told else [stem]
    # LabelImg writes a place on the machine that it ran on; others, the way from here.
    if (way := _text(document, "path")) and not os.path.isabs(way):
        names.append(way)
    path = reading.picture(names, file)
    if path is None:
        return None
    sides = [_text(document, f"size/{side}") or "0" for side in ("width", "height")]
    width, height = map(int, numbers(sides, f"{file}, size", "width and height"))
    objects = tuple(_objects(document, file))
    return AnnotatedImage(path, file, objects, width, height, split)


def _objects(document: Element, file: str) -> Iterator[NamedObject]:
    found = []
    for number, item in enumerate(document.findall("object"), 1):
        place = f"{file}, object {number}"
        edges = [_text(item, f"bndbox/{edge}") for edge in EDGES]
        found.append(
            (_text(item, "name"), numbers(edges, place, f"numbers as {listed(EDGES)}"))
        )
    start = 0 if any(0 in edges for _, edges in found) else 1
    for name, (left, top, right, bottom) in found:
        yield NamedObject(name, (left - start, top - start, right, bottom))


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()
