"""Writer of LabelMe's labels: a JSON file an image."""

import base64
import io
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from cnnxfer.files import json_text
from cnnxfer.prediction.outputs.class_pixels import pixels_of_classes, tight_box
from cnnxfer.prediction.outputs.label_folder import LabelFolder
from cnnxfer.prediction.prediction import Prediction

VERSION = "5.0.0"  # of LabelMe, which has this form since


def write_labelme(predictions: Iterable[Prediction], folder: LabelFolder) -> None:
    """Writes the path and the size of each image, and a rectangle for each object.

    Of a mask, the pixels of each class but the background are a shape. The path leads
    from the file to the image, so that LabelMe opens it. An image without objects has a
    file without any.

    Source: `labelme/label_file.py` in https://github.com/wkentaro/labelme.
    """
    for prediction in predictions:
        if prediction.error is None:
            path, image = folder.file(prediction, ".json")
            document: dict[str, Any] = {
                "version": VERSION,
                "flags": {},
                "shapes": list(_shapes(prediction)),
                "imagePath": image,
                "imageData": None,
                "imageHeight": prediction.height,
                "imageWidth": prediction.width,
            }
            path.write_text(f"{json_text(document, indent=2)}\n", encoding="utf-8")


def _shapes(prediction: Prediction) -> Iterator[dict[str, Any]]:
    for item in prediction.objects:
        left, top, right, bottom = item.box
        points = [[left, top], [right, bottom]]
        yield _shape(item.label, "rectangle", points) | {"score": item.score}
    if prediction.mask is not None:
        for index, pixels in pixels_of_classes(prediction):
            left, top, right, bottom = tight_box(pixels)
            points = [[left, top], [right - 1, bottom - 1]]  # the last pixel is inside
            part = Image.fromarray(pixels[top:bottom, left:right].astype(np.uint8))
            label = prediction.answer.class_names[index]
            yield _shape(label, "mask", points) | {"mask": _encoded(part)}


def _shape(label: str, kind: str, points: list[list[float]]) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
    }


def _encoded(part: Image.Image) -> str:
    stream = io.BytesIO()
    part.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()
