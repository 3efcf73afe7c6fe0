"""Chooses who records a phase: a process that trains alone, or one of several."""

import keras

from cnnxfer.runs import Run
from cnnxfer.training.loop.following import FollowingRecorder
from cnnxfer.training.loop.recorder import RunRecorder
from cnnxfer.training.setup import Setup
from cnnxfer.training.tracking.tracking import Tracking


def recorder_for(setup: Setup, run: Run, classifier: keras.Model) -> RunRecorder:
    """Returns what records a phase in a run; of workers, only the first one writes.

    Raises:
        RunError: if the state of the run is damaged.
    """
    workers, images = setup.devices.workers, len(setup.splits.validation)
    if workers and not workers.is_first:
        return FollowingRecorder(run, classifier, images)
    return RunRecorder(run, classifier, images, Tracking(run, setup.reporter))
