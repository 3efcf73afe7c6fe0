"""The training pictures that a run's model is calibrated on, to answer in int8."""

from __future__ import annotations

from cnnxfer.data.dataset import TRAIN
from cnnxfer.data.run_images import find_images
from cnnxfer.data.views.views import central_views
from cnnxfer.engines.calibration import Calibration, training_calibration
from cnnxfer.errors import CnnxferError, RunError
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import command, option


def run_calibration(
    model: ModelSource, size: int, reporter: Reporter, place: str = ""
) -> Calibration | None:
    """Returns the calibration on pictures that a run was trained on.

    Args:
        model: the model.
        size: the side of what its network sees, in pixels.
        reporter: told why there are none.
        place: where else they are looked for if they are not where they were.

    Returns:
        None if it is not of a run, or its training pictures are in neither place.
    """
    run = model.run
    if run is None:
        return None
    # What takes another place, and writes a network that needs no pictures any more.
    retry = command("export", run.path, precision="int8", data="NEW_PLACE")
    for spec in dict.fromkeys([run.config.data, place or run.config.data]):
        try:
            found = find_images(run, spec, reporter, retry=retry, parts=[TRAIN])
        except CnnxferError as error:
            reason = str(error)
        else:
            views = central_views(run.config)
            return training_calibration(found.splits.train, views, size)
    reporter.info(f"int8 is not calibrated on training pictures, since {reason}")
    return None


def no_calibration(model: ModelSource) -> RunError:
    """Returns the error to raise where int8 needs training pictures."""
    return RunError(
        f"int8 is calibrated on training pictures, and those of {model.place} are not "
        f"there. Use another {option('--precision')}."
    )
