"""The source for TensorFlow Datasets: any image classification set of its catalog.

TensorFlow Datasets takes seconds to import. So what it told of a data set is recorded
beside the copy of its images, and it is imported only if something has changed since.
"""

from contextlib import suppress
from dataclasses import asdict

from cnnxfer.data.dataset import CLASSIFICATION, MULTI_LABEL, Dataset
from cnnxfer.data.sources.packed import tell_of_labels
from cnnxfer.data.sources.tfds_record import read_record, record_path
from cnnxfer.data.sources.tfds_specs import parse
from cnnxfer.files import write_json_with_hash
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the images of a data set; downloads and prepares it first if needed.

    A data set whose label feature is a sequence of labels is multi-label.

    `spec` is `NAME[/CONFIG][:VERSION]`, with or without `tfds:` before it, or the
    folder of a prepared data set. `[SPLIT]` after it, as TFDS writes it, selects
    records: `tf_flowers[train[:10%]]`.

    Raises:
        DataError: if the data set is unknown, cannot be prepared, or has no labelled
            images.
        ConfigError: if it has no such split.
    """
    requested = parse(spec)
    path = record_path(requested)
    record = read_record(path, reporter)
    copy = record.read() if record else None
    if copy is None:
        import_tensorflow_quietly()
        from cnnxfer.data.sources.tfds_copy import copy_set

        record, copy = copy_set(requested, reporter)
        with suppress(OSError):  # the copy may lie in a cache that cannot be written to
            write_json_with_hash(path, asdict(record))
    about = copy.about
    tell_of_labels(about, reporter)
    return Dataset(
        name=about["name"],
        class_names=tuple(about["class_names"]),
        examples=copy.examples,
        shuffled=about["shuffled"],
        title=f"{about['name']}[{requested.split}]" if requested.split else "",
        task=MULTI_LABEL if about["multi_label"] else CLASSIFICATION,
    )
