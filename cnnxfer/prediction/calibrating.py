"""The training pictures that a run's model is calibrated on, to answer in int8."""

from __future__ import annotations

from cnnxfer.data.dataset import TRAIN
from cnnxfer.data.run_images import find_images
from cnnxfer.data.spread import spread
from cnnxfer.engines.calibration import PICTURES, Calibration, pictures_key
from cnnxfer.errors import CnnxferError, RunError
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.prediction.pictures import read_pictures
from cnnxfer.prediction.tta import tta_views
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import command, option


def run_calibration(
    model: ModelSource, size: int, reporter: Reporter
) -> Calibration | None:
    """Returns the calibration on pictures that a run was trained on.

    Args:
        model: the model.
        size: the side of what its network sees, in pixels.
        reporter: told why there are none, and warned of pictures that cannot be read.

    Returns:
        None if it is not of a run, or its training pictures are not where they were.
    """
    run = model.run
    if run is None:
        return None
    retry = command("train", "NEW_PLACE")
    try:
        found = find_images(run, run.config.data, reporter, retry=retry, parts=[TRAIN])
    except CnnxferError as error:
        reporter.info(f"int8 is not calibrated on training pictures, since {error}")
        return None
    chosen = spread(found.splits.train, PICTURES)
    views = tta_views("none", model.fraction, size, model.fit)
    return Calibration(
        pictures_key((example.sha256 for example in chosen), views),
        len(chosen),
        lambda: read_pictures(chosen, model, size, reporter).pixels,
        "training picture",
    )


def no_calibration(model: ModelSource) -> RunError:
    """Returns the error to raise where int8 needs training pictures."""
    return RunError(
        f"int8 is calibrated on training pictures, and those of {model.place} are not "
        f"there. Use another {option('--precision')}."
    )
