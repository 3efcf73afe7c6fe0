"""The tasks, and which one suits data or belongs to a run."""

from __future__ import annotations

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.sources import list_dataset
from cnnxfer.errors import RunError
from cnnxfer.registry import Registry
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.classification import Classification
from cnnxfer.tasks.multi_label import MultiLabel
from cnnxfer.tasks.task import Task

TASKS: Registry[Task] = Registry("task")
IMAGENET_TASK = TASKS.add(Classification())
TASKS.add(MultiLabel())


def load_data(
    spec: str, reporter: Reporter, task: str = "auto"
) -> tuple[Task, Dataset]:
    """Lists the images that `spec` names; returns them with the task they are for.

    Args:
        spec: the data specification, as it was typed.
        reporter: shows progress and warnings.
        task: the name of a task, or `auto` for the one that suits the data.

    Raises:
        ConfigError: if no source accepts the specification.
        DataError: if the data cannot be read, or doesn't suit the task.
    """
    dataset = list_dataset(spec, reporter)
    chosen = TASKS.get(dataset.task if task == "auto" else task)
    chosen.check(dataset, spec)
    return chosen, dataset


def task_of(run: Run) -> Task:
    """Returns the task of a run.

    Raises:
        RunError: if its settings don't name one.
    """
    name = run.config.task
    if name == "auto":
        raise RunError(
            f"{run.path} does not say what its task is; another version of cnnxfer "
            f"wrote it. Train a new run, or add a line to its config.toml: "
            'task = "classification".'
        )
    return TASKS.get(name)
