"""`export`: a model in the formats of other runtimes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from cnnxfer.api.arguments import Pathlike, place_of_images
from cnnxfer.console import CONSOLE
from cnnxfer.data.dataset import TRAIN, VALIDATION
from cnnxfer.engines.exported.manifest import Precision
from cnnxfer.errors import ConfigError
from cnnxfer.exporters.formats import ALL, FORMATS, Format, require_new
from cnnxfer.keras_backend import starting_keras
from cnnxfer.registry import suggestion
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.runs import Run
from cnnxfer.spelling import command, option

if TYPE_CHECKING:
    from cnnxfer.data.dataset import Example
    from cnnxfer.exporters.exporting import Export


def export(
    model: Run | Pathlike | None = None,
    *,
    format: str | Iterable[str] = "onnx",
    precision: str = "float32",
    out: Pathlike | None = None,
    data: Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
) -> list[Export]:
    """Writes a model for another runtime, and checks that it answers as Keras does.

    Each exported network is loaded in its own runtime and shown 64 pictures; where its
    answers differ from those of Keras, nothing is kept. Int8 is calibrated on training
    pictures, and compared on others.

    Args:
        model: a run, or the name of a backbone with its ImageNet head. By default the
            latest run or, if there is none, the built-in backbone.
        format: "keras", "savedmodel", "onnx", "openvino", "litert", several of them,
            or "all" of those that have the precision.
        precision: what the weights are stored in: "float32", "float16" or "int8".
        out: the folder in which each export gets a folder of its own. By default
            `exports` in the run, or here for a backbone.
        data: where the run's images are now, whose validation images are compared. A
            backbone needs pictures to compare answers on, as `train` takes data.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.

    Returns:
        What was exported, in the order of the formats.

    Raises:
        ConfigError: if the model, the format or the precision is unknown, the model is
            an export itself, a package is missing, or a folder exists already.
        DataError: if the pictures cannot be read.
        RunError: if a format does not take the network, or its answers differ.
    """
    reporter = reporter or SilentReporter()
    stored = _precision(precision)
    forms = _formats(format, stored)
    for form in forms:
        form.require(stored)
    from cnnxfer.prediction.model_source import find_model, is_exported

    found = find_model(model, runs_dir, reporter)
    if not isinstance(model, Run) and model is not None and is_exported(Path(model)):
        raise ConfigError(f"{model} is an export. Export the run that it came from.")
    if found.run is None and data is None:
        raise ConfigError(
            f"{found.name} has no pictures of its own to compare answers on. Name some "
            f"with {option('--data')}: a folder of 64 photographs is enough, for int8 "
            "of 364."
        )
    place = Path(out) if out else (found.run.path if found.run else Path()) / "exports"
    folders = {form.name: place / _folder_name(form, stored) for form in forms}
    for folder in folders.values():
        require_new(folder)
    with starting_keras(reporter):
        from cnnxfer.exporters.exporting import Exporter
        from cnnxfer.networks.description import describe

    if found.run:
        checking, training = _of_run(found.run, data, reporter)
    else:
        checking, training = _of_others(str(data), stored, reporter)
    if stored == "int8" and not training:
        raise ConfigError(
            "int8 is calibrated on other pictures than it is checked on, and there are "
            f"none. Name more with {option('--data')}."
        )
    exporter = Exporter(
        found,
        describe(found.run) if found.run else {},
        checking,
        training,
        labelled=found.run is not None,
        reporter=reporter,
    )
    return [exporter.export(form, stored, folders[form.name]) for form in forms]


def _precision(name: str) -> Precision:
    for known in get_args(Precision):
        if name == known:
            stored: Precision = known
            return stored
    raise ConfigError(
        f"{option('--precision')} is {name!r}.{suggestion(name, get_args(Precision))}"
    )


def _formats(names: str | Iterable[str], precision: Precision) -> list[Format]:
    chosen = names.split(",") if isinstance(names, str) else list(names)
    if chosen == [ALL]:
        return [form for form in FORMATS if precision in form.precisions]
    forms = [FORMATS.get(name.strip()) for name in chosen]
    return list({form.name: form for form in forms}.values())


def _folder_name(form: Format, precision: Precision) -> str:
    return form.name if precision == "float32" else f"{form.name}-{precision}"


def _of_run(
    run: Run, data: Pathlike | None, reporter: Reporter
) -> tuple[Sequence[Example], Sequence[Example]]:
    """Returns the validation and the training images of a run."""
    from cnnxfer.data.run_images import find_images

    retry = command("export", run.path, data="NEW_PLACE")
    splits = find_images(
        run,
        place_of_images(run, data, run.config.data, retry),
        reporter,
        retry=retry,
        parts=[TRAIN, VALIDATION],
    ).splits
    return splits.validation, splits.train


def _of_others(
    spec: str, precision: Precision, reporter: Reporter
) -> tuple[Sequence[Example], Sequence[Example]]:
    """Returns pictures to compare answers on, and others for int8 to calibrate on."""
    from cnnxfer.data.sources import list_dataset

    examples = list_dataset(spec, reporter).examples
    if precision != "int8":
        return examples, ()
    return examples[::2], examples[1::2]
