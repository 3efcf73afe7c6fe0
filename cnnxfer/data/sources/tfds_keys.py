"""Chooses the features of a TensorFlow data set that tell what its images show."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.features.bounding_boxes_utils import BBoxFormat

from cnnxfer.data.dataset import CLASSIFICATION, DETECTION, MULTI_LABEL, SEGMENTATION
from cnnxfer.errors import DataError
from cnnxfer.reporting import listed

PREFERRED_FEATURES = ("image", "label", "labels")
MASK_WORDS = ("mask", "segmentation")  # in the names of features
CROWDS = "is_crowd"  # as COCO has it


@dataclass(frozen=True)
class Keys:
    """The features that are read.

    Attributes:
        kind: the name of the task that they are for: `CLASSIFICATION`, `MULTI_LABEL`,
            `DETECTION` or `SEGMENTATION`.
        image: the feature with the image.
        annotation: the one with its label, labels, objects or mask.
        box: of objects, the part with the box.
        label: of objects, the part with the class.
        crowd: of objects, the part that tells crowds; empty for none.
        other_labels: further features with labels.
        other_kinds: what else there are features for.
    """

    kind: str
    image: str
    annotation: str
    box: str = ""
    label: str = ""
    crowd: str = ""
    other_labels: tuple[str, ...] = ()
    other_kinds: tuple[str, ...] = ()


def choose_keys(builder: Any, name: str, kind: str = "") -> Keys:
    """Returns the features to read.

    Labels come first: what the set itself names as what is to be learned, a single one
    an image, or a sequence of them. Then come objects with boxes, and masks.

    Args:
        builder: the builder of the data set.
        name: what messages call the data set.
        kind: what they are for; empty for the first that there is.

    Raises:
        DataError: if there are none, or nothing tells which is the label.
    """
    features = builder.info.features
    # A prepared data set lists its features in any order.
    keys = sorted(features, key=lambda key: (key not in PREFERRED_FEATURES, key))
    images = [key for key in keys if _is_image(features[key])]
    masks = [key for key in images if _is_mask(key, features[key])]
    labels = [key for key in keys if class_label(features[key]) is not None]
    single = [key for key in labels if class_label(features[key]) is features[key]]
    image_key, label_key = (builder.info.supervised_keys or (None, None))[:2]
    if image_key not in images or image_key in masks:
        image_key = next((key for key in images if key not in masks), None)
    found = {}
    if image_key is not None:
        objects = (_objects(image_key, key, features[key]) for key in keys)
        if boxed := next(filter(None, objects), None):
            found[DETECTION] = boxed
        if masks:
            found[SEGMENTATION] = Keys(SEGMENTATION, image_key, masks[0])
        if kind not in found:
            if label_key not in labels and (single or not found or _is_clear(labels)):
                label_key = _only_label(single or labels, name)
            if label_key in labels:
                others = tuple(key for key in labels if key != label_key)
                task = _task_of_labels(features[label_key])
                of_labels = Keys(task, image_key, str(label_key), other_labels=others)
                found = {task: of_labels, **found}
    if not found:
        raise DataError(
            f"{name} has the features {', '.join(features)}; expected an image and "
            "a class label, objects with boxes, or a mask. Choose a set that has them."
        )
    chosen = kind or next(iter(found))
    return replace(found[chosen], other_kinds=tuple(found.keys() - {chosen}))


def class_label(feature: Any) -> Any:
    """Returns the label that a feature is or is a sequence of; None for others."""
    if isinstance(feature, tfds.features.Sequence):
        feature = feature.feature
    return feature if isinstance(feature, tfds.features.ClassLabel) else None


def parts_of(feature: Any) -> dict[str, Any]:
    """Returns the features of each item that a feature is a sequence of, by name."""
    inner = getattr(feature, "feature", None)
    if not isinstance(inner, tfds.features.FeaturesDict):
        return {}
    return dict(inner.items())


def _only_label(candidates: list[str], name: str) -> str | None:
    if candidates and not _is_clear(candidates):
        raise DataError(
            f"{name} has the labels {listed(candidates)}, and does not say "
            "which is the one to learn; expected one that is called label. Save "
            "the images to folders, one for each class of the label that you want."
        )
    return next(iter(candidates), None)


def _is_clear(candidates: list[str]) -> bool:
    """Tells whether the first of sorted features is the one to learn."""
    return len(candidates) == 1 or any(it in PREFERRED_FEATURES for it in candidates)


def _task_of_labels(feature: Any) -> str:
    return CLASSIFICATION if class_label(feature) is feature else MULTI_LABEL


def _is_image(feature: Any) -> bool:
    # TFDS stores floats as a PNG of their bytes, which is not an image to look at.
    integers = (np.uint8, np.uint16)
    return isinstance(feature, tfds.features.Image) and feature.np_dtype in integers


def _is_mask(key: str, feature: Any) -> bool:
    return feature.shape[-1] == 1 and any(word in key.lower() for word in MASK_WORDS)


def _objects(image: str, key: str, feature: Any) -> Keys | None:
    """Returns the parts of objects that have a box and a class; None for others."""
    parts = parts_of(feature)
    boxes = [
        part
        for part, inner in parts.items()
        if isinstance(inner, tfds.features.BBoxFeature)
        and inner.bbox_format == BBoxFormat.REL_YXYX
    ]
    labels = [
        part
        for part, inner in parts.items()
        if isinstance(inner, tfds.features.ClassLabel)
    ]
    label = "label" if "label" in labels else labels[0] if len(labels) == 1 else ""
    if not boxes or not label:
        return None
    crowd = CROWDS if CROWDS in parts else ""
    return Keys(DETECTION, image, key, boxes[0], label, crowd)
