"""The images that a task is learned from, and which task suits them."""

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.task import Task


def load_data(
    spec: str, reporter: Reporter, task: str = "auto", ignore: str = "none"
) -> tuple[Task, Dataset]:
    """Lists the images that `spec` names; returns them with the task they are for.

    Args:
        spec: the data specification, as it was typed.
        reporter: shows progress and warnings.
        task: the name of a task, or `auto` for the one that suits the data.
        ignore: classes of masks to ignore; see `without_ignored`.

    Raises:
        ConfigError: if no source accepts the specification, or `ignore` names no class.
        DataError: if the data cannot be read, or doesn't suit the task.
    """
    dataset = suited_to(list_dataset(spec, reporter), task, ignore, reporter)
    chosen = TASKS.get(dataset.task if task == "auto" else task)
    return chosen, chosen.taken(dataset, spec)
