"""The functions of `import cnnxfer`, with the names and defaults of the command line.

Each function checks its arguments before it imports Keras and TensorFlow, so that a
misspelt name is reported at once.
"""

from cnnxfer.api.data import check, preview
from cnnxfer.api.evaluation import compare, evaluate
from cnnxfer.api.explanation import explain, explain_layer
from cnnxfer.api.exporting import export
from cnnxfer.api.prediction import merge, open_classifier, predict, predict_into
from cnnxfer.api.reports import report
from cnnxfer.api.run import Run
from cnnxfer.api.serving import serve
from cnnxfer.api.shown_settings import train_settings
from cnnxfer.api.training import resume, train, unfreeze, unfreeze_plan

__all__ = [
    "Run",
    "check",
    "compare",
    "evaluate",
    "explain",
    "explain_layer",
    "export",
    "merge",
    "open_classifier",
    "predict",
    "predict_into",
    "preview",
    "report",
    "resume",
    "serve",
    "train",
    "train_settings",
    "unfreeze",
    "unfreeze_plan",
]
