"""A run's images where they were, and what it is trained with."""

from contextlib import closing

import numpy as np

from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.prepared import Splits
from cnnxfer.data.run_images import find_images
from cnnxfer.engines.known_answers import are_known, formula_images
from cnnxfer.files import file_hash
from cnnxfer.networks.saving import load_model
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import find_model
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training.setup import Setup
from cnnxfer.training.start import set_up


def splits_of(run: Run) -> Splits:
    """Returns the run's images."""
    return find_images(run, run.config.data, Reporter(), retry="").splits


def setup_of(run: Run) -> Setup:
    """Returns what the run is trained with, as `resume` does."""
    precision = run.receipt["precision"]
    setup, _ = set_up(run, run.config, precision, Reporter(), retry="")
    return setup


def keeps_its_known_answers(run: Run) -> bool:
    """Tells whether the run knows what its model answers to images of a formula."""
    known = run.known_answers(file_hash(run.model_path))
    model = load_model(run.model_path)
    expected = model.predict_on_batch(formula_images(run.image_size))
    return known is not None and are_known(known, expected)


def validation_accuracy(run: Run) -> float:
    """Returns the share of the validation images that `predict` answers correctly."""
    examples = splits_of(run).validation
    sources = [ImageSource(example.id, example.read) for example in examples]
    with closing(Classifier(find_model(run))) as classifier:
        answers = list(classifier.answers(sources))
    right = [
        answer.found.argmax() == example.label
        for answer, example in zip(answers, examples, strict=True)
    ]
    return round(float(np.mean(right)), 6)
