"""Looking at data before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.api.arguments import Pathlike, check_data_options, path_of, text_of
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import load_config
from cnnxfer.data.sources import find_source
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    from cnnxfer.data.check.report import Report
    from cnnxfer.data.views.preview import Preview


def check(
    spec: Pathlike,
    *,
    split: str | None = None,
    group_by: str | None = None,
    exclude: Pathlike | None = None,
    write: Pathlike | None = None,
    html: Pathlike | None = None,
    reporter: Reporter | None = None,
) -> Report:
    """Tells what is wrong with images and labels before anything is trained on them.

    No image is changed. Keras and TensorFlow are not loaded, except for a data set of
    TensorFlow Datasets that has not been copied into the cache before.

    Args:
        spec: the data: whatever `train` accepts.
        split: how the images would be split, as in `train`.
        group_by: what would stay in one part, as in `train`.
        exclude: a file that lists images to leave out, as in `train`.
        write: a file to be written, which lists the images that training is better
            without; `exclude` reads it.
        html: a page to be written, which shows the pictures in question.
        reporter: what hears of the progress; by default, the logger "cnnxfer".

    Returns:
        What was found, the gravest first.

    Raises:
        ConfigError: if there is no such data, an option is wrong, or a file to be
            written exists and was not written by an earlier check.
        DataError: if data cannot be downloaded or copied.
    """
    settings = load_config(
        None,
        {
            "data": str(spec),
            "split": split,
            "group_by": group_by,
            "exclude": text_of(exclude),
        },
    )
    find_source(settings.data)
    check_data_options(settings)
    from cnnxfer.data.check.outputs import check_output
    from cnnxfer.data.check.quarantine import LIST_MARK, write_list
    from cnnxfer.data.check.run_checks import check_data
    from cnnxfer.pages.check_page import PAGE_MARK, write_page

    reporter = reporter or Reporter()
    list_path, page_path = path_of(write), path_of(html)
    if list_path:
        check_output("--write", list_path, LIST_MARK, settings.data)
    if page_path:
        check_output("--html", page_path, PAGE_MARK, settings.data)
    if list_path and page_path and list_path.resolve() == page_path.resolve():
        raise ConfigError(
            f"--write and --html are both {page_path}. Name two different files."
        )
    report, examples = check_data(
        settings.data,
        reporter,
        split=settings.split,
        group_by=settings.group_by,
        exclude=settings.exclude,
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
    augment: str | None = None,
    config: Pathlike | None = None,
    images: int = 6,
    views: int = 6,
    image_size: int | None = None,
    seed: int | None = None,
    reporter: Reporter | None = None,
) -> Preview:
    """Draws what the network will see in training: photographs, and views of each.

    Args:
        data: the data: whatever `train` accepts.
        out: the PNG to be written.
        augment: how training views differ, as in `train`.
        config: a TOML file of settings.
        images: number of photographs, from 1 to 50, of all classes in turn.
        views: number of training views of each, from 1 to 20.
        image_size: side of a view in pixels; by default the backbone's.
        seed: what everything random follows from.
        reporter: what hears of the progress; by default, the logger "cnnxfer".

    Returns:
        What the picture shows.

    Raises:
        ConfigError: if there is no such data, a setting is wrong, or `out` exists and
            was not written by an earlier preview.
        DataError: if the data cannot be read, or none of its pictures.
    """
    settings = load_config(
        path_of(config),
        {
            "data": text_of(data),
            "augment": augment,
            "image_size": image_size,
            "seed": seed,
        },
    )
    backbone = BACKBONES.get(settings.backbone)
    size = settings.image_size or backbone.image_size
    backbone.check_image_size(size)
    find_source(settings.data)
    from cnnxfer.data.sources import load_dataset
    from cnnxfer.data.views.preview import check_counts, check_own, write_preview
    from cnnxfer.prediction.outputs.file import check_target

    check_counts(images, views)
    check_target("--out", Path(out), [settings.data])
    check_own(Path(out))

    reporter = reporter or Reporter()
    return write_preview(
        Path(out),
        load_dataset(settings.data, reporter),
        settings,
        image_size=size,
        images=images,
        views=views,
        reporter=reporter,
    )
