"""A run whose answers can be explained by looking."""

from dataclasses import replace

import pytest
from spot_classifier import CLASSES, spot_classifier

from cnnxfer.networks.saving import save_model
from cnnxfer.runs import Run


@pytest.fixture
def spot_run(colour_run: Run) -> Run:
    """A run whose model sees where in a picture a colour is."""
    assert list(colour_run.class_names) == CLASSES
    save_model(spot_classifier(), colour_run.model_path)
    colour_run.write_config(replace(colour_run.config, central_crop=1.0))
    return colour_run
