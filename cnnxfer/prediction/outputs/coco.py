"""Writer of COCO's JSON, one document of all images, objects and classes."""

from collections.abc import Iterable
from typing import Any, TextIO

from cnnxfer.files import json_text
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import FoundObject
from cnnxfer.tasks.boxes.answer import BOX_DIGITS


def write_coco(predictions: Iterable[Prediction], stream: TextIO) -> None:
    """Writes the document when all images have been answered.

    Ids begin with 1, in the order of the images, their objects and the classes. An
    object has its score, as in COCO's results. An image without objects is listed; one
    that cannot be read is not.

    Source: https://cocodataset.org/#format-data.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    class_names: tuple[str, ...] = ()
    for prediction in predictions:
        class_names = prediction.answer.class_names
        if prediction.error is not None:
            continue
        images.append(
            {
                "id": len(images) + 1,
                "file_name": prediction.path,
                "width": prediction.width,
                "height": prediction.height,
            }
        )
        for item in prediction.objects:
            ids = {"id": len(annotations) + 1, "image_id": len(images)}
            annotations.append(ids | _annotation(item))
    categories = [
        {"id": number, "name": name} for number, name in enumerate(class_names, start=1)
    ]
    document = {"images": images, "annotations": annotations, "categories": categories}
    stream.write(json_text(document, encoding=stream.encoding) + "\n")


def _annotation(item: FoundObject) -> dict[str, Any]:
    left, top, right, bottom = item.box
    width = round(right - left, BOX_DIGITS)
    height = round(bottom - top, BOX_DIGITS)
    return {
        "category_id": item.index + 1,
        "bbox": [left, top, width, height],
        "area": round(width * height, 2 * BOX_DIGITS),
        "iscrowd": 0,
        "score": item.score,
    }
