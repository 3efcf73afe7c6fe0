"""Auxiliary classifiers, which help a deep network to learn from scratch.

They read maps in the middle of the backbone, so that the layers before these have
gradients that are not small, and are discarded when the network has learned (C. Szegedy
et al.: Going Deeper with Convolutions, 2014, https://arxiv.org/abs/1409.4842, section
5).
"""

from typing import Any

import keras

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.build import NORMALIZATIONS
from cnnxfer.networks.classifier import BACKBONE, backbone_of
from cnnxfer.registry import load_object


def with_auxiliary_classifiers(classifier: keras.Model, entry: Backbone) -> keras.Model:
    """Returns a classifier's network with the auxiliary classifiers of its backbone.

    It shares the layers of the classifier, which does not change; the auxiliary
    classifiers are new.

    Args:
        classifier: a model from `build_classifier` in float32.
        entry: the catalog entry of its backbone, which has auxiliary classifiers.

    Returns:
        A model of the classifier's inputs to a list of float32 logits `(batch,
        classes)`: those of the classifier, and those of each auxiliary classifier.
    """
    backbone, auxiliary = backbone_of(classifier), entry.auxiliary
    assert auxiliary
    middle = [backbone.get_layer(name).output for name in auxiliary.layers]
    network = keras.Model(backbone.input, [backbone.output, *middle], name=BACKBONE)
    pixels = keras.Input(classifier.input_shape[1:], dtype="float32", name="pixels")
    x, *middle = network(NORMALIZATIONS[entry.normalization](pixels))
    names = [layer.name for layer in classifier.layers]
    for layer in classifier.layers[names.index(BACKBONE) + 1 :]:
        x = layer(x)
    build, classes = load_object(auxiliary.builder), classifier.output_shape[-1]
    others = [
        build(maps, classes, name=f"auxiliary_{i}") for i, maps in enumerate(middle, 1)
    ]
    return keras.Model(pixels, [x, *others], name="with_auxiliary_classifiers")


class AuxiliaryLosses(keras.Model):
    """A network in training whose auxiliary classifiers have a part in the loss.

    Otherwise it is a classifier: its metrics and its answers are those of the first
    output alone.
    """

    def __init__(self, network: keras.Model, weight: float) -> None:
        """Wraps a network.

        Args:
            network: a model of a list of logits, as `with_auxiliary_classifiers`
                returns it.
            weight: that of the loss of each auxiliary classifier.
        """
        super().__init__(name=network.name)
        self.network, self.weight = network, weight
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns all logits in training, and else those of the classifier."""
        logits = self.network(inputs, training=training)
        return logits if training else logits[0]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns the classifier's loss, in training with the weighted others."""
        logits, *others = y_pred if training else [y_pred]
        loss = super().compute_loss(x, y, logits, sample_weight, training)
        for each in others:
            other = super().compute_loss(x, y, each, sample_weight, training)
            loss += self.weight * other
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> Any:
        """Returns the metrics of the classifier."""
        logits = y_pred[0] if isinstance(y_pred, list) else y_pred
        return super().compute_metrics(x, y, logits, sample_weight)
