"""Writer of YOLO's labels: a text an image, and `data.yaml` with the classes."""

import os
from collections.abc import Iterable

import yaml

from cnnxfer.prediction.outputs.label_folder import LabelFolder
from cnnxfer.prediction.prediction import Prediction

TEXTS, IMAGES = "labels", "images"  # folders that have the same files and folders
LIST = "images.txt"  # of what was answered, since an image without a text is background
DIGITS = 6  # decimal places of shares of an image's sides


def write_yolo(predictions: Iterable[Prediction], folder: LabelFolder) -> None:
    """Writes a line for each object: its class, and its box as shares of the image.

    A box is the middle, the width and the height. Scores are left out, since a line
    with a sixth number is no label. An image without objects has an empty text. The
    images are expected in `images`, in the folders that the texts have in `labels`;
    `images.txt` lists them.

    Source: https://docs.ultralytics.com/datasets/detect.
    """
    class_names: tuple[str, ...] = ()
    with (folder.here / LIST).open("w", encoding="utf-8", newline="\n") as images:
        for prediction in predictions:
            class_names = prediction.answer.class_names
            if prediction.error is None:
                path, image = folder.file(prediction, ".txt", TEXTS)
                path.write_text("".join(_lines(prediction)), encoding="ascii")
                name = path.relative_to(folder.here / TEXTS).with_suffix("")
                suffix = os.path.splitext(image)[1]
                images.write(f"./{IMAGES}/{name.as_posix()}{suffix}\n")
    document = {
        "path": ".",
        "train": LIST,
        "val": LIST,
        "names": dict(enumerate(class_names)),
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    (folder.here / "data.yaml").write_text(text, encoding="utf-8")


def _lines(prediction: Prediction) -> Iterable[str]:
    width, height = prediction.width, prediction.height
    for item in prediction.objects:
        left, top, right, bottom = item.box
        shares = (
            (left + right) / 2 / width,
            (top + bottom) / 2 / height,
            (right - left) / width,
            (bottom - top) / height,
        )
        numbers = " ".join(f"{share:.{DIGITS}f}" for share in shares)
        yield f"{item.index} {numbers}\n"
