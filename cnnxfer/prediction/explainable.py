"""Models whose answers heat maps explain: those with classes, in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnxfer.errors import ConfigError
from cnnxfer.keras_backend import starting_keras
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import command, option

if TYPE_CHECKING:
    from cnnxfer.networks.explained.heat import HeatMapper


def check_explainable(model: ModelSource) -> None:
    """Checks that a model answers with classes, which heat maps explain.

    Raises:
        ConfigError: if it answers with boxes or masks, which say themselves where what
            they name is.
    """
    check_layers(model)
    if model.task.follows_views:
        instead = command("predict", "INPUT", model=model.place, drawn="FOLDER")
        raise ConfigError(
            f"{model.place} does {model.task.name}, and heat maps explain classes: its "
            f"answers say themselves where something is. To see them: {instead}"
        )


def check_layers(model: ModelSource) -> None:
    """Checks that a model has layers to look into.

    Raises:
        ConfigError: if it is exported for another runtime.
    """
    if model.exported:
        raise ConfigError(
            f"{model.place} is exported for another runtime, which has no layers to "
            f"look into. Name the run that it came from: {option('--model', 'RUN')}"
        )


def open_mapper(
    model: ModelSource, method: str, layer: str | None, reporter: Reporter
) -> HeatMapper:
    """Returns a model, loaded, whose answers are explained.

    Raises:
        ConfigError: if it does not answer with classes, or has no such layer.
        RunError: if weights could not be downloaded.
    """
    check_explainable(model)
    network = model.network(reporter)
    with starting_keras(reporter):
        from cnnxfer.networks.explained.heat import HeatMapper

    return HeatMapper(
        network.build(), network.outputs, model.backbone, method=method, layer=layer
    )
