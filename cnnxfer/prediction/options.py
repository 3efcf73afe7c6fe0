"""Checks of the options of a prediction that go together."""

from cnnxfer.config import Fit
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.engines.options import check_choice
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option
from cnnxfer.tasks.task import Task

CROPS = ("five", "ten", "scales")  # modes of `tta` that show parts of an image


def check_options(
    options: ClassifierOptions, classes: int, task: Task, fit: Fit
) -> None:
    """Checks that options suit each other and the model.

    Args:
        options: the options, each of which is valid by itself.
        classes: the number of the model's classes.
        task: what the model answers.
        fit: how images are fitted into the square that it sees.

    Raises:
        ConfigError: if they don't.
    """
    check_choice(options.engine, options.precision)
    if options.dense and options.tta != "none":
        raise ConfigError(
            f"{option('--tta', options.tta)} and {option('--dense', True)} exclude "
            "each other. Leave one out."
        )
    if options.boxes and not options.dense:
        raise ConfigError(
            f"{option('--boxes', True)} needs {option('--dense', True)}. Add it."
        )
    if options.dense and task.follows_views:
        raise ConfigError(
            f"{option('--dense', True)} is for models that answer with classes, and "
            f"this one does {task.name}, for which it sees whole images. Leave it out."
        )
    if options.dense and fit != "crop":
        raise ConfigError(
            f"{option('--dense', True)} shows whole images at the scale of a square "
            f"crop, and this model was trained with {option('--fit', fit)}, where they "
            "are seen whole. Leave it out."
        )
    if options.tiles != "none" and not task.merges_views:
        raise ConfigError(
            f"{option('--tiles', options.tiles)} is for models that find any number of "
            f"objects, and this one does {task.name}. Leave it out."
        )
    if task.follows_views and not task.merges_views and options.tta in CROPS:
        raise ConfigError(
            f"{option('--tta', options.tta)} shows parts of an image, and this model, "
            f"which does {task.name}, answers for all of it. Use "
            f"{option('--tta', 'flip')}, or leave it out."
        )
    if options.top != "auto" and task.follows_views:
        raise ConfigError(
            f"{option('--top', options.top)} is for models that answer with classes, "
            f"and this one does {task.name}. Leave it out."
        )
    if options.min_confidence != "auto" and not task.has_scores:
        raise ConfigError(
            f"{option('--min-confidence', options.min_confidence)} is for answers with "
            f"a score, and {task.name} has none. Leave it out."
        )
    if options.top != "auto" and options.top > classes:
        raise ConfigError(
            f"{option('--top')} is {options.top}; it must be 1 to {classes}, the "
            "number of classes."
        )
