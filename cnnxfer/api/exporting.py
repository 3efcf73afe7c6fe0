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
from cnnxfer.exporters.formats import FORMATS, Format
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.registry import suggestion
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.runs import Run
from cnnxfer.spelling import command, option

if TYPE_CHECKING:
    from cnnxfer.data.dataset import Example
    from cnnxfer.exporters.exporting import Export

ALL = "all"


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
        data: pictures to compare answers on, as `train` takes data; by default the
            run's validation images. A backbone needs them.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.

    Returns:
        What was exported, in the order of the formats.

    Raises:
        ConfigError: if the model, the format or the precision is unknown, a package is
            missing, or a folder exists already.
        DataError: if the pictures cannot be read.
        RunError: if a format does not take the network, or its answers differ.
    """
    reporter = reporter or SilentReporter()
    stored = _precision(precision)
    forms = _formats(format, stored)
    from cnnxfer.prediction.model_source import find_model

    found = find_model(model, runs_dir, reporter)
    if found.run is None and data is None:
        raise ConfigError(
            f"{found.name} has no pictures of its own to compare answers on. Name some "
            f"with {option('--data')}: a folder of 64 photographs is enough."
        )
    place = Path(out) if out else (found.run.path if found.run else Path()) / "exports"
    folders = {form.name: place / _folder_name(form, stored) for form in forms}
    for folder in folders.values():
        if folder.exists():
            raise ConfigError(
                f"{folder} exists, and an export is never overwritten. Move it away, "
                f"or name another folder with {option('--out')}."
            )
    import_tensorflow_quietly()
    from cnnxfer.exporters.exporting import Exporter, check_possible
    from cnnxfer.networks.description import describe

    checking, training = _pictures(found.run, data, reporter)
    for form in forms:
        check_possible(form, stored, training)
    exporter = Exporter(
        found,
        describe(found.run) if found.run else {},
        checking,
        training,
        labelled=found.run is not None and data is None,
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
    return [FORMATS.get(name.strip()) for name in chosen]


def _folder_name(form: Format, precision: Precision) -> str:
    return form.name if precision == "float32" else f"{form.name}-{precision}"


def _pictures(
    run: Run | None, data: Pathlike | None, reporter: Reporter
) -> tuple[Sequence[Example], Sequence[Example]]:
    """Returns pictures to compare answers on, and others to calibrate on."""
    if data is not None:
        from cnnxfer.data.sources import list_dataset

        examples = list_dataset(str(data), reporter).examples
        half = len(examples) // 2  # no picture may do both
        return examples[half:], examples[:half]
    from cnnxfer.data.run_images import find_images

    assert run is not None
    retry = command("export", run.path, data="NEW_PLACE")
    splits = find_images(
        run,
        place_of_images(run, None, run.config.data, retry),
        reporter,
        retry=retry,
        parts=[TRAIN, VALIDATION],
    ).splits
    return splits.validation, splits.train
