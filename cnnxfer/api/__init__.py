"""What can be done from Python: the command line's names and defaults.

What is cheap is checked here first. Keras and TensorFlow are imported inside the
functions, after that, so that a misspelt name is answered at once.
"""

from cnnxfer.api.data import check, preview
from cnnxfer.api.evaluation import compare, evaluate
from cnnxfer.api.prediction import predict
from cnnxfer.api.training import resume, train, unfreeze, unfreeze_plan

__all__ = [
    "check",
    "compare",
    "evaluate",
    "predict",
    "preview",
    "resume",
    "train",
    "unfreeze",
    "unfreeze_plan",
]
