"""`check` and `preview`: looking at data before training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from cnnxfer.api.arguments import (
    Pathlike,
    as_path,
    check_data_options,
    tell_of_demonstration,
)
from cnnxfer.api.options import CheckKeywords, PreviewKeywords
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import load_config, load_task_config
from cnnxfer.config.options import settings_of
from cnnxfer.console import CONSOLE
from cnnxfer.data.sources import find_source
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.keras_backend import starting_keras
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.spelling import option

if TYPE_CHECKING:
    from cnnxfer.data.check.inspected import InspectedData
    from cnnxfer.data.check.report import Finding, Report
    from cnnxfer.data.dataset import Dataset
    from cnnxfer.data.views.preview import Preview


def check(
    data: Pathlike,
    *,
    write: Pathlike | None = None,
    html: Pathlike | None = None,
    labels: bool = False,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[CheckKeywords],
) -> Report:
    """Reports what is wrong with images and labels.

    The data is not changed. Neither Keras nor TensorFlow is imported, except for
    `labels`, and for a data set of TensorFlow Datasets that has not been copied to the
    cache yet.

    Args:
        data: the data, as `train` takes it.
        write: the file to write for `exclude`, with the images that should be
            excluded from training.
        html: the HTML page to write, with the images that have problems.
        labels: whether to find labels that may be wrong, too, of images that have
            classes, and neither boxes nor masks. It takes the features of all images,
            which the built-in backbone computes once, and `train` uses them as well.
        reporter: shows messages and progress; None for silence.
        **options: settings, by the names of their options.

    Raises:
        ConfigError: if there is no such data, an option is wrong, or a file to write
            exists already and was not written by `check`.
        DataError: if the data cannot be downloaded or copied, or doesn't suit the task
            that is asked for, or has no labels to judge.
    """
    settings = load_config(None, {"data": data, **settings_of("check", options)})
    find_source(settings.data)
    check_data_options(settings)
    from cnnxfer.data.check.quarantine import LIST_MARK, write_list
    from cnnxfer.data.check.run_checks import check_data
    from cnnxfer.data.dataset import CLASSIFICATION, MULTI_LABEL
    from cnnxfer.data.outputs import check_output
    from cnnxfer.pages.check_page import GENERATOR, PAGE_MARK, write_page
    from cnnxfer.tasks.catalog import TASKS

    reporter = reporter or SilentReporter()
    list_path, page_path = as_path(write), as_path(html)
    if list_path:
        check_output(option("--write"), list_path, LIST_MARK, GENERATOR, settings.data)
    if page_path:
        check_output(option("--html"), page_path, PAGE_MARK, GENERATOR, settings.data)
    if list_path and page_path and list_path.resolve() == page_path.resolve():
        raise ConfigError(
            f"{option('--write')} and {option('--html')} are both {page_path}. "
            "Name two different files."
        )
    asked = None if settings.task == "auto" else TASKS.get(settings.task)

    def taken(dataset: Dataset, spec: str) -> Dataset:
        dataset = asked.taken(dataset, spec) if asked else dataset
        if labels and dataset.task not in (CLASSIFICATION, MULTI_LABEL):
            raise DataError(
                f"{option('--labels')} judges the classes of images, and {spec} is "
                f"data for {dataset.task}. Leave it out."
            )
        return dataset

    def judge_labels(inspected: InspectedData) -> Iterable[Finding]:
        with starting_keras(reporter):
            from cnnxfer.evaluation.label_check import suspected_label_findings

        return suspected_label_findings(inspected, reporter)

    report, examples = check_data(
        settings.data,
        reporter,
        split=settings.split,
        group_by=settings.group_by,
        exclude=settings.exclude,
        task=settings.task,
        ignore=settings.ignore,
        taken=taken,
        more=[judge_labels] if labels else [],
    )
    if list_path:
        write_list(report, list_path)
    if page_path:
        write_page(report, examples, page_path, reporter)
    return report


def preview(
    data: Pathlike | None = None,
    *,
    out: Pathlike = "preview.png",
    config: Pathlike | None = None,
    images: int = 6,
    views: int = 6,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[PreviewKeywords],
) -> Preview:
    """Draws what the network will see in training: images, and views of each.

    Args:
        data: the data, as `train` takes it.
        out: the PNG file to write.
        config: a TOML file of settings.
        images: the number of images, taken from all classes in turn.
        views: the number of training views of each image.
        reporter: shows messages and progress; None for silence.
        **options: settings, by the names of their options.

    Raises:
        ConfigError: if there is no such data, a setting is wrong, or `out` exists
            already and is not a preview.
        DataError: if the data, or all of its images, cannot be read.
    """
    given = {"data": data, **settings_of("preview", options)}
    settings = load_task_config(as_path(config), given, "auto")
    BACKBONES.get(settings.backbone).input_size(settings.image_size)  # may be wrong
    find_source(settings.data)
    from cnnxfer.data.views.preview import (
        check_counts,
        check_preview_path,
        write_preview,
    )
    from cnnxfer.prediction.outputs.file import check_target
    from cnnxfer.tasks.data import load_data

    check_counts(images, views)
    check_target(option("--out"), Path(out), [settings.data])
    check_preview_path(Path(out))

    reporter = reporter or SilentReporter()
    tell_of_demonstration("preview", data, as_path(config), reporter)
    task, dataset = load_data(settings.data, reporter, settings.task, settings.ignore)
    settings = load_task_config(as_path(config), given, task.name)
    task.check_settings(settings)
    size = BACKBONES.get(settings.backbone).input_size(settings.image_size)
    return write_preview(
        Path(out),
        dataset,
        settings,
        image_size=size,
        images=images,
        views=views,
        reporter=reporter,
    )
