"""The images in which the channels of a layer are looked at."""

from __future__ import annotations

from collections.abc import Sequence

from cnnxfer.data.dataset import TRAIN, Example
from cnnxfer.data.preparing.index import build_index, report_problems
from cnnxfer.data.run_images import find_images
from cnnxfer.data.sources import list_dataset
from cnnxfer.errors import DataError
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option


def images_to_look_at(
    model: ModelSource, own: bool, spec: str, reporter: Reporter
) -> Sequence[Example]:
    """Returns images that can be read.

    Args:
        model: the model.
        own: whether they are those that its run was trained on.
        spec: the data set.
        reporter: shows the progress, and warns of images that are left out.

    Raises:
        DataError: if there are none, or too many of the run's are missing.
    """
    if own:
        assert model.run
        retry = f"add {option('--data', 'NEW_PLACE')}"
        found = find_images(model.run, spec, reporter, retry=retry, parts=[TRAIN])
        return found.splits.train
    rows = build_index(list_dataset(spec, reporter).examples, reporter)
    examples = [row.example for row in report_problems(rows, reporter)]
    if not examples:
        raise DataError(f"none of the {len(rows)} images of {spec} could be read.")
    return examples
