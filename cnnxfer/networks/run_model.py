"""Loads the model of a run, and checks that it fits the run's other files."""

import keras

from cnnxfer.errors import RunError
from cnnxfer.networks.classifier import copy_weights
from cnnxfer.networks.saving import load_model
from cnnxfer.reporting import counted
from cnnxfer.runs import PUT_BACK, Run
from cnnxfer.tasks.catalog import task_of


def load_run_model(run: Run) -> keras.Model:
    """Returns the model of a run, which takes its images and answers its classes.

    Raises:
        DataError: if the file is damaged; see `load_model`.
        RunError: if the run has no model yet, or one that does not fit its classes or
            its settings.
    """
    path, names, size = run.require_model(), run.class_names, run.image_size
    model = load_model(path)
    if model.output_shape != (None, *task_of(run).output_shape(len(names), size)):
        raise RunError(
            f"{path} has outputs of the shape {model.output_shape}, and classes.json "
            f"has {counted(len(names), 'name')}. {PUT_BACK}"
        )
    if model.input_shape != (None, size, size, 3):
        raise RunError(
            f"{path} has inputs of the shape {model.input_shape}, and config.toml asks "
            f"for {size} pixels. {PUT_BACK}"
        )
    return model


def restore_model(run: Run, classifier: keras.Model) -> None:
    """Gives a classifier the weights of a run's model.

    Raises:
        DataError: if the file is damaged; see `load_model`.
        RunError: see `load_run_model`; also if the model has other layers.
    """
    saved = load_run_model(run)
    try:
        copy_weights(saved, classifier)
    except ValueError as error:
        raise RunError(
            f"{run.model_path} is another network than config.toml asks for. {PUT_BACK}"
        ) from error
