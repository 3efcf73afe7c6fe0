"""`explain`: what a model looks at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from cnnxfer.api.arguments import Pathlike, as_path, as_texts, place_of_images
from cnnxfer.api.options import ExplainKeywords
from cnnxfer.config import override
from cnnxfer.config.options import settings_of
from cnnxfer.config.prediction import ExplainOptions, PredictOptions
from cnnxfer.console import CONSOLE
from cnnxfer.data.sources import find_source
from cnnxfer.errors import ConfigError
from cnnxfer.keras_backend import starting_keras
from cnnxfer.reporting import Reporter, SilentReporter, counted
from cnnxfer.runs import Run
from cnnxfer.spelling import option

if TYPE_CHECKING:
    from cnnxfer.evaluation.explanations.explained_layer import ExplainedLayer
    from cnnxfer.evaluation.explanations.explanation import Explanation
    from cnnxfer.prediction.model_source import ModelSource


def explain(
    inputs: Pathlike | Iterable[Pathlike],
    *,
    model: Run | Pathlike | None = None,
    classes: str | Sequence[str] = (),
    data: Pathlike | None = None,
    out: Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[ExplainKeywords],
) -> list[Explanation]:
    """Explains the answers that `predict` gives: where in a picture a class is seen.

    Args:
        inputs: the pictures, as `predict` takes them.
        model: a run whose answers are classes, or the name of a backbone.
        classes: the names of the classes to explain; by default the most probable one.
        data: where the run's training images are now, for `nearest`.
        out: the folder to write a PNG for each picture to, or the HTML file for all.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.
        **options: the options of the command line; None is their default.

    Returns:
        An explanation for each picture, in the order of the inputs; that of a picture
        that cannot be read has no classes, and a prediction with an `error`.

    Raises:
        ConfigError: if the model, a class, the layer or an option is unknown, the
            model does not answer with classes, or `out` cannot be written.
        DataError: if an input does not exist or contains no image, or the training
            images are missing.
        RunError: as `predict` does.
    """
    from cnnxfer.evaluation.explanations import outputs
    from cnnxfer.evaluation.explanations.explain import explanations, find_classes
    from cnnxfer.prediction.explainable import check_explainable, open_mapper
    from cnnxfer.prediction.request import open_request

    reporter = reporter or SilentReporter()
    chosen = override(ExplainOptions(), settings_of("explain", options))
    texts, path = as_texts(inputs), as_path(out)
    if data is not None and not chosen.nearest:
        raise ConfigError(
            f"{option('--data')} says where the images are that {option('--nearest')} "
            "looks among. Add it, or leave both out."
        )
    if path:
        outputs.check_place(path, texts)
    request = open_request(
        texts,
        PredictOptions(
            engine=chosen.engine,
            precision=chosen.precision,
            recursive=chosen.recursive,
            column=chosen.column,
            allow_private=chosen.allow_private,
        ),
        model=model,
        runs_dir=runs_dir,
        heat=False,
        reporter=reporter,
    )
    with request.classifier as classifier:
        source = classifier.model
        check_explainable(source)
        names = [classes] if isinstance(classes, str) else classes
        numbers = find_classes(source, names)
        if not numbers and chosen.top > len(source.classes):
            raise ConfigError(
                f"{option('--top')} is {chosen.top}; it must be 1 to "
                f"{len(source.classes)}, the number of classes."
            )
        place = _place_of_training_images(source, data) if chosen.nearest else ""
        layer = None if chosen.layer == "auto" else chosen.layer
        mapper = open_mapper(source, chosen.method, layer, reporter)
        nearest = None
        if chosen.nearest:
            from cnnxfer.evaluation.explanations.neighbours import TrainingImages

            nearest = TrainingImages(
                source, mapper.classifier, place, chosen.nearest, chosen, reporter
            )
        flow = explanations(request, mapper, numbers, chosen.top, nearest)
        if path:
            flow = outputs.write(flow, path, f"what {source.name} looks at")
        found = [
            replace(each, prediction=each.prediction.without_content()) for each in flow
        ]
    if path:
        explained = sum(bool(each.classes) for each in found)
        reporter.info(f"{counted(explained, 'picture')} explained in {path}")
    if line := request.passed_over.line():
        reporter.info(line)
    return found


def explain_layer(
    layer: str | None = None,
    *,
    model: Run | Pathlike | None = None,
    data: Pathlike | None = None,
    out: Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
) -> ExplainedLayer:
    """Shows what the channels of a layer see: the images in which they are strongest.

    Args:
        layer: a layer of the backbone that has maps; by default the first convolution,
            whose filters are pictures, too.
        model: a run, or the name of a backbone; by default the latest run or, if there
            is none, the built-in backbone.
        data: the images to look at, as `train` takes them; by default those that the
            run was trained on.
        out: the folder to write a PNG for each channel to, or the HTML file for all.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.

    Returns:
        The channels that are strongest, and for each of them the nine images in which
        it is.

    Raises:
        ConfigError: if the model or the layer is unknown, there is no data to look at,
            or `out` cannot be written.
        DataError: if the data cannot be read, or the run's images are missing.
        RunError: if the run has no model, or weights cannot be downloaded.
    """
    from cnnxfer.evaluation.explanations import outputs
    from cnnxfer.evaluation.explanations.explained_layer import explained_layer
    from cnnxfer.prediction.explainable import check_layers
    from cnnxfer.prediction.model_source import find_model

    reporter = reporter or SilentReporter()
    path = as_path(out)
    source = find_model(model, runs_dir, reporter)
    check_layers(source)
    if source.run is None and data is None:
        raise ConfigError(
            f"{source.place} is a backbone without images of its own to look at. Name "
            f"some: {option('--data', 'SPEC')}"
        )
    place = str(data) if data is not None else _place_of_training_images(source, None)
    if path:
        outputs.check_place(path, [place])
    find_source(place)
    network = source.network(reporter)
    with starting_keras(reporter):
        from cnnxfer.data.views.views import CentralViews
        from cnnxfer.evaluation.explanations.images import images_to_look_at
        from cnnxfer.networks.explained.channels import Channels

    channels = Channels(network.build(), source.backbone, layer)
    examples = images_to_look_at(source, data is None, place, reporter)
    found = explained_layer(
        source.name,
        channels,
        examples,
        CentralViews(source.fraction, source.fit),
        network.image_size,
        reporter,
    )
    if path:
        from cnnxfer.evaluation.explanations.layer_outputs import write_layer

        write_layer(found, path)
        reporter.info(
            f"{counted(len(found.channels), 'channel')} of {found.layer} in {path}"
        )
    return found


def _place_of_training_images(model: ModelSource, data: Pathlike | None) -> str:
    """Returns where the training images of a model are.

    Raises:
        ConfigError: if it has none that are known, or no source accepts the place.
    """
    if model.run is None:
        raise ConfigError(
            f"{option('--nearest')} shows a run's training images, and {model.place} "
            f"is a backbone with its ImageNet head. Name a run: "
            f"{option('--model', 'RUN')}"
        )
    retry = f"add {option('--data', 'NEW_PLACE')}"
    return place_of_images(model.run, data, model.run.config.data, retry)
