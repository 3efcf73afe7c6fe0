"""A run's images where they were, and what it is trained with."""

from cnnxfer.data.prepared import Splits
from cnnxfer.data.run_images import find_images
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
