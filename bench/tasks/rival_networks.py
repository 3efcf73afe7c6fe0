"""Networks that benchmarks measure against: those of KerasHub, and all layers learning.

They are built on the backbone of a run with its ImageNet weights, and compiled. What
keras.io's guides set is set so: https://keras.io/keras_hub/guides/object_detection_retinanet
and https://keras.io/keras_hub/guides/semantic_segmentation_deeplab_v3. Only what suits
a network of ImageNet weights and few images better is put differently, for the rival's
good: the backbone's BatchNormalization keeps its statistics, RetinaNet has all five
levels, as in its paper, and sure and unsure boxes are both returned, for AP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnxfer.backbones.build import NORMALIZATIONS, build_backbone
from cnnxfer.data.class_mask import IGNORED, ClassMask
from cnnxfer.data.dataset import Example
from cnnxfer.data.views.mask_view import mask_view
from cnnxfer.data.views.views import Views
from cnnxfer.networks.classifier import backbone_of, logits_of
from cnnxfer.networks.maps import with_maps
from cnnxfer.tasks.boxes.detection import ROWS
from cnnxfer.tasks.dense_task import place_of
from cnnxfer.training.setup import Setup

Targets = np.ndarray | dict[str, np.ndarray]


@dataclass(frozen=True)
class Rival:
    """A network to train, compiled.

    Attributes:
        network: the network, of pixels `(batch, size, size, 3)` in [0, 255].
        batch_size: the number of images in a batch.
        targets: returns what the network is to learn of views of images.
        found: returns what a network of the run's task answers to pixels.
    """

    network: keras.Model
    batch_size: int
    targets: Callable[[Sequence[Example], Views], Targets]
    found: Callable[[np.ndarray], np.ndarray]


def retinanet(setup: Setup, rate: float, weights: Any) -> Rival:
    """Returns KerasHub's RetinaNet."""
    import keras_hub

    size, classes = setup.image_size, len(setup.class_names)
    detector = keras_hub.models.RetinaNetObjectDetector(
        backbone=keras_hub.models.RetinaNetBackbone(
            image_encoder=_encoder(setup, (8, 16, 32), weights),
            min_level=3,
            max_level=7,
            use_p5=True,
            image_shape=(size, size, 3),
        ),
        num_classes=classes,
        bounding_box_format="xyxy",
        use_prediction_head_norm=True,
        prediction_decoder=keras_hub.layers.NonMaxSuppression(
            "xyxy", from_logits=True, confidence_threshold=0.01, max_detections=ROWS
        ),
    )
    detector.compile(
        optimizer=keras.optimizers.Adam(rate),
        box_loss=keras.losses.MeanAbsoluteError(reduction="sum"),
    )

    def found(pixels: np.ndarray) -> np.ndarray:
        # Its `predict` needs a preprocessor.
        answers = detector.decode_predictions(detector(pixels), pixels)
        answers = {key: np.asarray(value) for key, value in answers.items()}
        columns = answers["confidence"], answers["labels"]
        rows = [answers["boxes"], *(each[..., None] for each in columns)]
        objects = np.concatenate(rows, axis=-1).astype(np.float32)
        objects[np.arange(ROWS) >= answers["num_detections"][:, None], 4] = 0
        return objects

    def targets(examples: Sequence[Example], views: Views) -> Targets:
        rows = setup.targets(examples, views)[:, :ROWS]
        return {"boxes": rows[..., 1:], "labels": rows[..., 0]}

    return Rival(detector, 4, targets, found)


def deeplab(setup: Setup, rate: float, weights: Any) -> Rival:
    """Returns KerasHub's DeepLabV3+."""
    import keras_hub

    size = setup.image_size
    segmenter = keras_hub.models.DeepLabV3ImageSegmenter(
        backbone=keras_hub.models.DeepLabV3Backbone(
            image_encoder=_encoder(setup, (4, 8, 16, 32), weights),
            low_level_feature_key="P2",
            spatial_pyramid_pooling_key="P5",
            dilation_rates=[6, 12, 18],
            upsampling_size=8,
            image_shape=(size, size, 3),
        ),
        num_classes=len(setup.class_names),
    )
    segmenter.compile(
        optimizer=keras.optimizers.SGD(
            rate, momentum=0.9, weight_decay=0.0001, clipnorm=10.0
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=IGNORED
        ),
        metrics=[],
    )

    def targets(examples: Sequence[Example], views: Views) -> Targets:
        masks: list[np.ndarray] = []
        for example in examples:
            assert isinstance(example.annotation, ClassMask)
            place = place_of(example, views, size)
            masks.append(mask_view(example.annotation.pixels(), place, size))
        return np.stack(masks)

    return Rival(segmenter, 4, targets, segmenter.predict_on_batch)


def whole(setup: Setup, rate: float, weights: Any) -> Rival:
    """Returns the network of cnnxfer's own head, all of whose layers learn."""
    classifier = setup.build_classifier(precision="float32", weights_path=weights)
    _keep_statistics(backbone_of(classifier))
    objective = setup.objective(0.0, classifier)
    network = logits_of(classifier)
    network.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=0.001, global_clipnorm=1.0),
        loss=objective.loss,
    )
    return Rival(network, 8, setup.targets, classifier.predict_on_batch)


def _encoder(setup: Setup, strides: Sequence[int], weights: Any) -> keras.Model:
    """Returns the backbone as KerasHub takes it: with maps by their levels."""
    size = setup.image_size
    pixels = keras.Input((size, size, 3))
    backbone = build_backbone(setup.backbone, image_size=size, weights_path=weights)
    maps = with_maps(backbone, strides)(
        NORMALIZATIONS[setup.backbone.normalization](pixels)
    )
    levels = {
        f"P{stride.bit_length() - 1}": each
        for stride, each in zip(strides, maps, strict=True)
    }
    encoder = keras.Model(pixels, levels)
    _keep_statistics(encoder)
    encoder.pyramid_outputs = levels
    return encoder


def _keep_statistics(network: keras.Model) -> None:
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


RIVALS = {"retinanet": retinanet, "deeplab": deeplab, "whole": whole}
