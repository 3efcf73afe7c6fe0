"""Where in a view a classifier sees a class: Grad-CAM and Score-CAM.

Both weight the channels of a layer's maps by what they matter to a class, and keep what
speaks for it: the positive part of the weighted sum.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.engines.engine import Outputs
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.explained.gradients import logit_gradients
from cnnxfer.networks.explained.layer import (
    check_layer,
    layer_to_explain,
    part_before,
    part_behind,
)

GRAD_CAM, SCORE_CAM = "grad-cam", "score-cam"
BATCH = 16  # views, or masked views, that are computed at once
# Score-CAM runs the network once for each channel, of which there are up to 2,560.
# Where a map hardly varies, its mask hides nothing and tells nothing of places.
SCORED_CHANNELS = 64
GREY = 127.5  # of pixels: what a mask leaves of a view where it hides it


class HeatMapper:
    """A classifier whose answers are explained, by the maps of one of its layers.

    Attributes:
        classifier: the whole classifier.
        layer: the name of the layer.
    """

    def __init__(
        self,
        classifier: keras.Model,
        outputs: Outputs,
        entry: Backbone,
        *,
        method: str = GRAD_CAM,
        layer: str | None = None,
    ) -> None:
        """Parts the classifier at the layer.

        Args:
            classifier: a model of pixels, float32 or uint8 `(batch, size, size, 3)`,
                to logits or probabilities `(batch, classes)`.
            outputs: which of these they are.
            entry: the catalog entry of its backbone.
            method: `GRAD_CAM` or `SCORE_CAM`.
            layer: a layer of the backbone; None for the best one.

        Raises:
            ConfigError: if the maps of the layer do not explain answers.
        """
        network = backbone_of(classifier)
        self.layer = layer or layer_to_explain(network, entry)
        check_layer(network, self.layer)
        self.classifier, self._outputs = classifier, outputs
        self._before = part_before(classifier, entry, self.layer)
        self._behind = part_behind(classifier, self.layer)
        self._weights = {GRAD_CAM: self._gradients, SCORE_CAM: self._scores}[method]

    @property
    def image_size(self) -> int:
        """The side of the views, in pixels."""
        return int(self.classifier.input_shape[1])

    def heat(self, views: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Returns where each view shows each of its classes.

        Args:
            views: uint8 `(views, size, size, 3)`.
            labels: int `(views, k)`: the classes of each that are explained.

        Returns:
            float32 `(views, k, rows, columns)` in [0, 1], at the places of the layer's
            maps; the greatest heat of a class in a view is 1, unless nothing in the
            view speaks for the class, where all is 0.
        """
        found = []
        for start in range(0, len(views), BATCH):
            part = slice(start, start + BATCH)
            maps = _computed(self._before, views[part])
            weights = self._weights(maps, views[part], labels[part])
            heat = np.einsum("vrci,vki->vkrc", maps, weights).clip(0)
            most = heat.max((2, 3), keepdims=True)
            found.append(np.divide(heat, most, out=heat, where=most > 0))
        return np.concatenate(found)

    def _gradients(
        self, maps: np.ndarray, views: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Returns the mean gradient of each class's logit in each channel.

        The arguments are those of `heat`, and the maps of the views; the result is
        float32 `(views, k, channels)`.

        Source: Selvaraju et al., 2017 (Grad-CAM), https://arxiv.org/abs/1610.02391.
        """
        means = [
            logit_gradients(self._behind, maps, each).mean((1, 2)) for each in labels.T
        ]
        return np.stack(means, axis=1)

    def _scores(
        self, maps: np.ndarray, views: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Returns by how much each channel alone raises the probability of each class.

        All of a view is hidden but what the channel's map shows. The `SCORED_CHANNELS`
        whose maps vary most are tried; the others have a weight of 0. The arguments and
        the result are those of `_gradients`.

        Source: Wang et al., 2020 (Score-CAM), https://arxiv.org/abs/1910.01279.
        """
        weights = np.zeros((*labels.shape, maps.shape[-1]), np.float32)
        (nothing,) = self._probabilities(np.full_like(views[:1], GREY, np.float32))
        for weight, map, view, classes in zip(
            weights, maps, views, labels, strict=True
        ):
            channels = np.argsort(-map.std((0, 1)), kind="stable")[:SCORED_CHANNELS]
            for start in range(0, len(channels), BATCH):
                some = channels[start : start + BATCH]
                masked = GREY + _masks(map[..., some], len(view)) * (view - GREY)
                raised = self._probabilities(masked) - nothing
                weight[:, some] = raised[:, classes].T
        return weights

    def _probabilities(self, pixels: np.ndarray) -> np.ndarray:
        return self._outputs.probabilities(_computed(self.classifier, pixels))


def _masks(map: np.ndarray, size: int) -> np.ndarray:
    """Returns each channel of a map as a mask of a view.

    Args:
        map: float32 `(rows, columns, channels)`.
        size: the side of the view, in pixels.

    Returns:
        float32 `(channels, size, size, 1)`: from 0 where the channel is weakest to 1.
    """
    least, most = map.min((0, 1)), map.max((0, 1))
    level = (map - least) / np.maximum(most - least, np.finfo(np.float32).tiny)
    resized = ops.image.resize(level[None], (size, size), interpolation="bilinear")
    masks: np.ndarray = ops.convert_to_numpy(resized)[0]
    return np.moveaxis(masks, -1, 0)[..., None]


def _computed(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Returns a model's answers; without `predict`, which would compile it first."""
    answers: np.ndarray = ops.convert_to_numpy(model(inputs, training=False))
    return answers
