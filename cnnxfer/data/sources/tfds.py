"""TensorFlow Datasets: any image-classification set that it can prepare.

It takes seconds to import. So what it told of a set is recorded beside our copy of
the set's images, and it is asked again only when something has changed since.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.sources.tfds_record import read_record, record_path
from cnnxfer.data.sources.tfds_specs import parse
from cnnxfer.files import write_sealed
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists a prepared set, or downloads and prepares it first.

    A set whose images have any number of labels each, a sequence of them, is
    multi-label.

    Args:
        spec: `NAME[/CONFIG][:VERSION]`, with or without `tfds:` before it, or the
            folder of a prepared set. `[SPLIT]` behind it, as TFDS writes it, means a
            part: `tf_flowers[train[:10%]]`.
        reporter: told of the download and the copy.

    Raises:
        DataError: if the set is unknown, cannot be prepared, or has no labelled
            image.
        ConfigError: if it has no such part.
    """
    wanted = parse(spec)
    path = record_path(wanted)
    record = read_record(path)
    copy = record.read() if record else None
    if copy is None:
        import_tensorflow_quietly()
        from cnnxfer.data.sources.tfds_copy import copy_set

        record, copy = copy_set(wanted, reporter)
        with suppress(OSError):  # a cache that is only read may hold the copy
            write_sealed(path, asdict(record))
    about = copy.about
    return Dataset(
        name=about["name"],
        class_names=tuple(about["class_names"]),
        examples=copy.examples,
        shuffled=about["shuffled"],
        title=f"{about['name']}[{wanted.split}]" if wanted.split else "",
        multi_label=about["multi_label"],
    )
