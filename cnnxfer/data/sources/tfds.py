"""The source for TensorFlow Datasets: sets of images of its catalog.

TensorFlow Datasets takes seconds to import. So what it told of a data set is recorded
beside the copy of its images, and it is imported only if something has changed since.
"""

from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial

from cnnxfer.data.dataset import (
    CLASSIFICATION,
    DETECTION,
    LOCALIZATION,
    MULTI_LABEL,
    SEGMENTATION,
    Dataset,
)
from cnnxfer.data.masks.class_masks import class_masks
from cnnxfer.data.masks.mask_file import MaskFile
from cnnxfer.data.masks.read_facts import with_facts
from cnnxfer.data.objects import LabelledBox, Objects, task_of_objects
from cnnxfer.data.sources.packed import Copy, tell_of_labels
from cnnxfer.data.sources.tfds_record import read_record, record_path
from cnnxfer.data.sources.tfds_specs import parse
from cnnxfer.files import write_json_with_hash
from cnnxfer.keras_backend import import_tensorflow_quietly, require_tensorflow
from cnnxfer.reporting import Reporter


def load(spec: str, reporter: Reporter, kind: str = "") -> Dataset:
    """Lists the images of a data set; downloads and prepares it first if needed.

    A data set whose label feature is a sequence of labels is multi-label. Where images
    have no labels, objects with boxes are read, or masks.

    `spec` is `NAME[/CONFIG][:VERSION]`, with or without `tfds:` before it, or the
    folder of a prepared data set. `[SPLIT]` after it, as TFDS writes it, selects
    records: `tf_flowers[train[:10%]]`. `kind` is what is read of images, as
    `choose_keys` takes it.

    Raises:
        DataError: if the data set is unknown, cannot be prepared, or has no images
            with labels, boxes or masks.
        ConfigError: if it has no such split.
    """
    require_tensorflow(f"data set {spec!r}", "tensorflow_datasets")
    requested = parse(spec)
    path = record_path(requested, kind)
    record = read_record(path, reporter)
    copy = record.read() if record else None
    if copy is None:
        import_tensorflow_quietly()
        from cnnxfer.data.sources.tfds_copy import copy_set

        record, copy = copy_set(requested, kind, reporter)
        with suppress(OSError):  # the copy may lie in a cache that cannot be written to
            write_json_with_hash(path, asdict(record))
    about = copy.about
    name = about["name"]
    title = f"{name}[{requested.split}]" if requested.split else ""
    found = about.get("kind", "")
    if found == DETECTION:
        dataset = _boxed(name, copy)
    elif found == SEGMENTATION:
        dataset = _masked(name, copy, reporter)
    else:
        tell_of_labels(about, reporter)
        task = MULTI_LABEL if about["multi_label"] else CLASSIFICATION
        names = tuple(about["class_names"])
        dataset = Dataset(name, names, copy.examples, task=task)
    others = {it: partial(load, spec, kind=it) for it in about.get("other_kinds", ())}
    if DETECTION in others:  # which tells how many boxes an image has
        others[LOCALIZATION] = others[DETECTION]
    return replace(dataset, shuffled=about["shuffled"], title=title, others=others)


def _boxed(name: str, copy: Copy) -> Dataset:
    annotations = [
        Objects(
            tuple(
                LabelledBox(label, (left, top, right, bottom), bool(crowd))
                for label, left, top, right, bottom, crowd in items
            ),
            *size,
        )
        for size, *items in copy.about["objects"]
    ]
    examples = tuple(
        replace(example, annotation=annotation)
        for example, annotation in zip(copy.examples, annotations, strict=True)
    )
    names = tuple(copy.about["class_names"])
    return Dataset(name, names, examples, task=task_of_objects(annotations))


def _masked(name: str, copy: Copy, reporter: Reporter) -> Dataset:
    images, stored = copy.examples[::2], copy.examples[1::2]
    masks = [MaskFile(it.id, it.path, it.offset, it.size_bytes) for it in stored]
    names, annotations = class_masks(with_facts(masks, reporter), {}, name)
    examples = tuple(
        replace(example, annotation=annotation)
        for example, annotation in zip(images, annotations, strict=True)
    )
    return Dataset(name, names, examples, task=SEGMENTATION)
