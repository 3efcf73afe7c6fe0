"""What fine-tuning would do, before it does anything."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import keras

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config
from cnnxfer.data.dataset import TRAIN, VALIDATION
from cnnxfer.networks.classifier import BACKBONE, backbone_of, build_classifier
from cnnxfer.networks.cut import multiply_adds
from cnnxfer.runs import Run
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.phases.network_behind_cut import Cut, choose_cut
from cnnxfer.training.phases.stages import (
    Stage,
    group_factor,
    group_starts,
    has_weights,
    layer_names,
    stages_of,
    unfreeze,
)

# What a number of an operation's output costs, in multiplications: normalization and
# depthwise convolutions take as long as memory does. On two cores with AVX-512, a step
# of all layers takes 3.8 times as long as one behind the cut (EfficientNet-Lite0),
# 3.8 (MobileNet 0.25) and 3.0 times (ResNet50); so reckoned, 3.4, 3.9 and 3.2.
OUTPUT_COST = 8
WORTH_TELLING = 1.05


@dataclass(frozen=True)
class GroupRow:
    """Layers that learn at one rate.

    Attributes:
        first: name of the first layer.
        last: name of the last layer.
        layers: number of layers, not counting BatchNormalization.
        parameters: number of parameters that learn.
        factor: multiple of the phase's learning rate at which the layers learn.
        learning_rate: highest learning rate of the layers; None where it is to be
            found.
    """

    first: str
    last: str
    layers: int
    parameters: int
    factor: float
    learning_rate: float | None


@dataclass(frozen=True)
class StageRow:
    """A stage of fine-tuning.

    Attributes:
        stage: number of the stage, from 1.
        first_epoch: its first epoch, counted from 1 over all stages.
        epochs: number of its epochs.
        groups: the layers that learn, from the pixels on; the head comes last.
        cut: where the network is cut, and what is kept there; None if the whole
            network runs in every step.
        all_times: about how many times as long a step would take if all layers
            learned.
    """

    stage: int
    first_epoch: int
    epochs: int
    groups: tuple[GroupRow, ...]
    cut: Cut | None
    all_times: float

    @property
    def text(self) -> str:
        """A sentence that tells what runs in every step."""
        return feeding_text(self.cut, self.all_times)


def feeding_text(cut: Cut | None, all_times: float) -> str:
    """Returns what runs in every step, and what would if all layers learned."""
    text = cut.text if cut else "the whole network runs in every step"
    if all_times < WORTH_TELLING:
        return text
    return f"{text}; with --all, a step would take about {all_times:.1f} times as long"


def plan_fine_tuning(parent: Run, config: Config) -> list[StageRow]:
    """Returns a row for each stage that fine-tuning a run would have.

    Nothing is trained or computed, and no image is read.

    Args:
        parent: the run to be fine-tuned.
        config: how.

    Raises:
        ConfigError: if the network has no such layer, or the stages are more than the
            epochs or the layers.
    """
    backbone = BACKBONES.get(config.backbone)
    classifier = build_classifier(
        backbone,
        image_size=config.image_size or backbone.image_size,
        num_classes=len(parent.class_names),
        head=config.head,
        dropout=config.dropout,
    )
    images = Counter(row.split for row in parent.split)
    return stage_table(
        classifier,
        config,
        train_images=images[TRAIN],
        validation_images=images[VALIDATION],
        store=ActivationStore(),
    )


def stage_table(
    classifier: keras.Model,
    config: Config,
    *,
    train_images: int,
    validation_images: int,
    store: ActivationStore,
) -> list[StageRow]:
    """Returns a row for each stage; what learns in the last is set in the classifier.

    Args:
        classifier: from `build_classifier`, or loaded again.
        config: its `fine_tune`, and what decides whether activations are kept.
        train_images: how many there are.
        validation_images: the same.
        store: where activations would be kept.

    Raises:
        ConfigError: see `stages_of`.
    """
    rows = []
    for stage in stages_of(classifier, config.fine_tune):
        unfreeze(classifier, stage, config.fine_tune)
        cut = choose_cut(
            classifier,
            stage.start,
            config,
            train_images=train_images,
            validation_images=validation_images,
            store=store,
        )
        rows.append(
            StageRow(
                stage=stage.number + 1,
                first_epoch=stage.first_epoch + 1,
                epochs=stage.epochs,
                groups=tuple(_groups(classifier, stage, config)),
                cut=cut,
                all_times=times_of_all(classifier, stage, cut),
            )
        )
    return rows


def times_of_all(classifier: keras.Model, stage: Stage, cut: Cut | None) -> float:
    """Returns about how many times as long a step takes where all layers learn.

    What learns is computed three times: forward, and backward for activations and for
    weights. What only runs in every step is computed once.
    """
    backbone = backbone_of(classifier)
    costs: list[float] = [
        work + OUTPUT_COST * math.prod(operation.output.shape[1:])
        for work, operation in zip(
            multiply_adds(backbone), backbone.operations, strict=True
        )
    ]
    behind = 0
    if cut and cut.views:
        behind = layer_names(backbone).index(cut.name) + 1
    learning = 3 * sum(costs[stage.start :])
    return 3 * sum(costs) / (sum(costs[behind : stage.start]) + learning)


def _groups(classifier: keras.Model, stage: Stage, config: Config) -> list[GroupRow]:
    backbone, settings = backbone_of(classifier), config.fine_tune
    starts = group_starts(backbone) if settings.layer_decay < 1 else [0]
    learning = [
        (bisect_right(starts, position) - 1, layer)
        for position, layer in enumerate(backbone.operations)
        if getattr(layer, "trainable_variables", ())
    ]
    groups = [
        _row(
            [layer for _, layer in members],
            group_factor(group, len(starts), settings.layer_decay),
            settings.learning_rate,
        )
        for group, members in groupby(learning, key=lambda pair: pair[0])
    ]
    names = [layer.name for layer in classifier.layers]
    head = [
        layer
        for layer in classifier.layers[names.index(BACKBONE) + 1 :]
        if layer.trainable_variables
    ]
    return [*groups, _row(head, 1.0, settings.learning_rate)]


def _row(layers: list[Any], factor: float, learning_rate: float) -> GroupRow:
    return GroupRow(
        first=layers[0].name,
        last=layers[-1].name,
        layers=sum(has_weights(layer) for layer in layers),
        parameters=sum(
            math.prod(variable.shape)
            for layer in layers
            for variable in layer.trainable_variables
        ),
        factor=factor,
        learning_rate=learning_rate * factor or None,
    )
