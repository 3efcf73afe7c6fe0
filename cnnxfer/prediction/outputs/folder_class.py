"""The classes that folders are called after, beside the answers to their images."""

from __future__ import annotations

from collections.abc import Sequence

from cnnxfer.prediction.outputs.folder import bare_folder
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.texts import normal


class FolderClasses:
    """Tells where a folder is called after another class than its image shows."""

    def __init__(self, classes: Sequence[tuple[str, str]]) -> None:
        """Takes the id and the readable name of each class of the model."""
        self._labels = {_form(class_id): label for class_id, label in classes}
        self._labels |= {_form(label): label for _, label in classes}

    def otherwise(self, prediction: Prediction) -> str:
        """Returns the class that an image's folder is called after, if it differs.

        It is empty if the folder is called like no class, or the prediction is unsure.
        """
        if prediction.error is not None or prediction.unsure:
            return ""
        label = self._labels.get(_form(bare_folder(prediction.path)), "")
        return "" if label in prediction.labels else label


def _form(name: str) -> str:
    """Returns the form in which names of folders and classes are compared."""
    return normal(name).casefold().replace("_", " ")
