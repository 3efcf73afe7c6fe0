"""Checks of the options of a prediction that go together."""

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.engines.options import check_choice
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option


def check_options(options: ClassifierOptions, classes: int) -> None:
    """Checks that options suit each other and the model.

    Args:
        options: the options, each of which is valid by itself.
        classes: the number of the model's classes.

    Raises:
        ConfigError: if they don't.
    """
    check_choice(options.engine, options.precision)
    if options.dense and options.tta != "none":
        raise ConfigError(
            f"{option('--tta', options.tta)} and {option('--dense', True)} exclude "
            "each other. Leave one out."
        )
    if options.top != "auto" and options.top > classes:
        raise ConfigError(
            f"{option('--top')} is {options.top}; it must be 1 to {classes}, the "
            "number of classes."
        )
