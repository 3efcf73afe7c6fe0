"""The tasks, and which one belongs to a run."""

from cnnxfer.errors import RunError
from cnnxfer.registry import Registry
from cnnxfer.runs import Run
from cnnxfer.tasks.boxes.detection import Detection
from cnnxfer.tasks.boxes.localization import Localization
from cnnxfer.tasks.classification import Classification
from cnnxfer.tasks.masks.segmentation import Segmentation
from cnnxfer.tasks.multi_label import MultiLabel
from cnnxfer.tasks.task import Decision, Task

TASKS: Registry[Task] = Registry("task")
IMAGENET_TASK = TASKS.add(Classification())
TASKS.add(MultiLabel())
TASKS.add(Localization())
TASKS.add(Detection())
TASKS.add(Segmentation())


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


def decision_of(run: Run) -> Decision:
    """Returns how a run's model decides, with all that was fitted on validation.

    Raises:
        RunError: if a file of the run is missing or damaged.
    """
    task = task_of(run)
    return task.decision(run.class_names, run.thresholds, run.temperature)
