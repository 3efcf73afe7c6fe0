"""Plans the stages of fine-tuning without training or reading an image."""

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import keras

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config
from cnnxfer.data.dataset import TRAIN, VALIDATION
from cnnxfer.networks.classifier import BACKBONE, backbone_of, build_classifier
from cnnxfer.networks.graph import multiply_adds
from cnnxfer.runs import Run
from cnnxfer.spelling import option
from cnnxfer.tasks.catalog import task_of
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

# The cost of one output number of an operation, in multiplications: normalization and
# depthwise convolutions are limited by memory. On two cores with AVX-512, a step of all
# layers was measured to take 3.8 (EfficientNet-Lite0), 3.8 (MobileNet 0.25) and 3.0
# (ResNet50) times as long as one behind the cut; the estimates are 3.4, 3.9 and 3.2.
OUTPUT_COST = 8
SMALLEST_REPORTED_RATIO = 1.05


@dataclass(frozen=True)
class GroupRow:
    """A group of layers that learn at the same rate."""

    first: str  # the name of the first layer
    last: str
    layers: int  # not counting BatchNormalization
    parameters: int  # trainable ones
    factor: float  # the group's multiple of the learning rate
    learning_rate: float | None  # the highest; None if it is to be found


@dataclass(frozen=True)
class StageRow:
    """A stage of fine-tuning, as planned."""

    stage: int  # from 1
    first_epoch: int  # from 1, over all stages
    epochs: int
    groups: tuple[GroupRow, ...]  # that learn, from the input on; the head is last
    cut: Cut | None  # None if the whole network runs in every step
    # The estimated duration of a step in which all layers learn, as a multiple of that
    # of a step of this stage.
    all_times: float

    @property
    def text(self) -> str:
        """A description of what runs in every step, for people."""
        return step_text(self.cut, self.all_times)


def step_text(cut: Cut | None, all_times: float) -> str:
    """Returns a description of what runs in every step of a stage; see `StageRow`."""
    text = cut.text if cut else "the whole network runs in every step"
    if all_times < SMALLEST_REPORTED_RATIO:
        return text
    times = f"about {all_times:.1f} times as long"
    return f"{text}; with {option('--all')}, a step would take {times}"


def plan_fine_tuning(parent: Run, config: Config) -> list[StageRow]:
    """Returns a row for each stage that fine-tuning a run would have.

    Nothing is trained, and no image is read.

    Raises:
        ConfigError: if the network does not have the layer to begin at, or there are
            more stages than epochs or layers.
    """
    backbone = BACKBONES.get(config.backbone)
    task = task_of(parent)
    task.check_settings(config)
    classifier = build_classifier(
        backbone,
        image_size=backbone.input_size(config.image_size),
        num_classes=len(parent.class_names),
        task=task,
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
    """Returns a row for each stage of fine-tuning.

    Afterwards, the trainable layers of the classifier are those of the last stage.

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
                groups=tuple(_groups(classifier, config)),
                cut=cut,
                all_times=relative_cost_of_all(classifier, stage, cut),
            )
        )
    return rows


def relative_cost_of_all(
    classifier: keras.Model, stage: Stage, cut: Cut | None
) -> float:
    """Returns the estimated cost of a step in which all layers learn.

    It is a multiple of the cost of a step of the stage. A layer that learns is computed
    three times: forward, and backward for activations and for weights. A frozen layer
    behind the cut is computed once.

    Args:
        classifier: a classifier from `build_classifier` or `load_model`.
        stage: the stage to compare with.
        cut: the stage's cut; None if the whole network runs in every step.
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


def _groups(classifier: keras.Model, config: Config) -> list[GroupRow]:
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


def _row(
    layers: list[Any], factor: float, learning_rate: float | Literal["auto"]
) -> GroupRow:
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
        learning_rate=None if learning_rate == "auto" else learning_rate * factor,
    )
