"""Writer of Pascal VOC's labels: an XML file an image."""

import os
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from cnnxfer.prediction.outputs.label_folder import LabelFolder
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import printable
from cnnxfer.tasks.answer import FoundObject
from cnnxfer.tasks.boxes.answer import BOX_DIGITS

Values = Mapping[str, object]


def write_voc(predictions: Iterable[Prediction], folder: LabelFolder) -> None:
    """Writes the size of each image, and the class and the box of each object.

    Pixels are counted from 1, and both corners belong to the box, as in VOC's own
    files: `xmin` and `ymin` are one more than the edges. `path` leads from the file to
    the image. An image without objects has a file without any.

    Source: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html.
    """
    for prediction in predictions:
        if prediction.error is None:
            path, image = folder.file(prediction, ".xml")
            document = _document(prediction, image)
            ElementTree.indent(document)
            text = ElementTree.tostring(document, encoding="unicode")
            path.write_text(f"{text}\n", encoding="utf-8")


def _document(prediction: Prediction, image: str) -> ElementTree.Element:
    above, name = os.path.split(image)
    size = {"width": prediction.width, "height": prediction.height, "depth": 3}
    document = ElementTree.Element("annotation")
    _add(
        document,
        {
            "folder": os.path.basename(above),
            "filename": name,
            "path": image,
            "size": size,
            "segmented": 0,
        },
    )
    for item in prediction.objects:
        _add(document, {"object": _object(item)})
    return document


def _object(item: FoundObject) -> Values:
    left, top, right, bottom = item.box
    edges = (left + 1, top + 1, right, bottom)
    names = ("xmin", "ymin", "xmax", "ymax")
    box = {
        name: f"{edge:.{BOX_DIGITS}f}" for name, edge in zip(names, edges, strict=True)
    }
    return {"name": item.label, "difficult": 0, "bndbox": box}


def _add(element: ElementTree.Element, values: Values) -> None:
    """Adds an element for each value; those of a mapping lie in it."""
    for name, value in values.items():
        child = ElementTree.SubElement(element, name)
        if isinstance(value, Mapping):
            _add(child, value)
        else:
            child.text = printable(str(value))  # XML has no control characters
