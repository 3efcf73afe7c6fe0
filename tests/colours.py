"""The classes of the photographs that `photos_dir` makes."""

import dataclasses
from collections.abc import Mapping

from cnnxfer.runs import Run

# The mean colour of each class, in RGB from 0 to 255.
COLOURS = {"blue": (40, 60, 200), "green": (50, 170, 60), "red": (200, 50, 40)}


def make_multi_label(run: Run, thresholds: Mapping[str, float]) -> None:
    """Turns a run into one whose images may have several labels."""
    run.write_config(dataclasses.replace(run.config, task="multi-label"))
    run.write_fitted(thresholds)
