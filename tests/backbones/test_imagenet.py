from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cnnxfer.backbones.imagenet import ImagenetClass, imagenet_classes

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def keras_index() -> list[tuple[str, str]]:
    """WordNet ids and names in label order, as in Keras's `decode_predictions`."""
    shared = Path(os.environ.get("CNNXFER_SHARED") or REPOSITORY.parent / "shared")
    path = shared / "weights/keras/models/imagenet_class_index.json"
    if not path.is_file():
        pytest.skip(f"{path} is absent; CNNXFER_SHARED names its directory")
    index = json.loads(path.read_text("utf-8"))
    return [tuple(index[str(label)]) for label in range(len(index))]


def test_thousand_classes_in_the_order_of_their_ids() -> None:
    classes = imagenet_classes()
    assert len(classes) == 1000
    ids = [imagenet_class.class_id for imagenet_class in classes]
    assert ids == sorted(set(ids))
    assert all(len(class_id) == 9 and class_id[0] == "n" for class_id in ids)


def test_labels_are_readable() -> None:
    classes = imagenet_classes()
    assert classes[0] == ImagenetClass("n01440764", "tench")
    assert classes[2] == ImagenetClass("n01484850", "great white shark")
    assert classes[281] == ImagenetClass("n02123045", "tabby")
    assert classes[999] == ImagenetClass("n15075141", "toilet tissue")
    for imagenet_class in classes:
        assert imagenet_class.label == imagenet_class.label.strip() != ""
        assert not set("_,\t") & set(imagenet_class.label)


def test_agrees_with_keras(keras_index: list[tuple[str, str]]) -> None:
    classes = imagenet_classes()
    assert [entry.class_id for entry in classes] == [entry[0] for entry in keras_index]
    differing = [
        (entry.label, name)
        for entry, (_, name) in zip(classes, keras_index, strict=True)
        if entry.label.casefold() != name.replace("_", " ").casefold()
    ]
    assert differing == []
