"""The layers of heads that Keras lacks."""

from cnnxfer.tasks.boxes.detected_objects import DetectedObjects
from cnnxfer.tasks.boxes.detection_head import Distances
from cnnxfer.tasks.boxes.localization_head import VotedBox
from cnnxfer.tasks.euclidean import EuclideanDistances

# `"module:class"` of each; a model file may name them.
HEAD_LAYERS = tuple(
    f"{layer.__module__}:{layer.__name__}"
    for layer in (DetectedObjects, Distances, EuclideanDistances, VotedBox)
)
