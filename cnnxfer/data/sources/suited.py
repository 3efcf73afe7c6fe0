"""Data sets as a task needs them, where the data suits several."""

from cnnxfer.data.dataset import SEGMENTATION, Dataset
from cnnxfer.data.masks.ignore import without_ignored
from cnnxfer.data.masks.polygons import masks_of
from cnnxfer.data.sources import with_sorted_classes
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter


def suited_to(
    dataset: Dataset,
    task: str,
    ignore: str,
    reporter: Reporter,
    *,
    must_exist: bool = True,
) -> Dataset:
    """Returns a data set as a task needs it.

    Data of several kinds, such as boxes and masks, is listed anew for another one. For
    segmentation, masks are drawn from the outlines of objects, where the data has no
    masks; see `masks_of`.

    Args:
        dataset: the data set, as its source lists it.
        task: the name of the task, or `auto` for the one that suits the data.
        ignore: classes of masks to ignore; see `without_ignored`.
        reporter: shows progress and messages.
        must_exist: whether it is an error if the data has no such class.

    Raises:
        ConfigError: if `ignore` names no class or value of the masks.
        DataError: if it cannot be used for the task, or masks are needed and cannot be
            drawn.
    """
    if other := dataset.others.get(task):
        dataset = with_sorted_classes(other(reporter), reporter)
    if dataset.problem:
        raise DataError(dataset.problem)
    if task == SEGMENTATION and dataset.task != SEGMENTATION:
        dataset = masks_of(dataset)
    return without_ignored(dataset, ignore, must_exist=must_exist)
