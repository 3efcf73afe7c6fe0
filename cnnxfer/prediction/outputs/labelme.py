"""Writer of LabelMe's labels: a JSON file an image."""

from collections.abc import Iterable
from typing import Any

from cnnxfer.files import json_text
from cnnxfer.prediction.outputs.label_folder import LabelFolder
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import FoundObject

VERSION = "5.0.0"  # of LabelMe, which has this form since


def write_labelme(predictions: Iterable[Prediction], folder: LabelFolder) -> None:
    """Writes the path and the size of each image, and a rectangle for each object.

    The path leads from the file to the image, so that LabelMe opens it. An image
    without objects has a file without any.

    Source: `labelme/label_file.py` in https://github.com/wkentaro/labelme.
    """
    for prediction in predictions:
        if prediction.error is None:
            path, image = folder.file(prediction, ".json")
            document: dict[str, Any] = {
                "version": VERSION,
                "flags": {},
                "shapes": list(map(_shape, prediction.objects)),
                "imagePath": image,
                "imageData": None,
                "imageHeight": prediction.height,
                "imageWidth": prediction.width,
            }
            path.write_text(f"{json_text(document, indent=2)}\n", encoding="utf-8")


def _shape(item: FoundObject) -> dict[str, Any]:
    left, top, right, bottom = item.box
    return {
        "label": item.label,
        "points": [[left, top], [right, bottom]],
        "group_id": None,
        "description": "",
        "shape_type": "rectangle",
        "flags": {},
        "score": item.score,
    }
