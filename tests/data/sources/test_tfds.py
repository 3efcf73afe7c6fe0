"""Tests of prepared TFDS data sets, downloads, and their failures."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.data.dataset import (
    CLASSIFICATION,
    DETECTION,
    LOCALIZATION,
    MULTI_LABEL,
    SEGMENTATION,
    IndexRow,
)
from cnnxfer.data.images.decode import decode
from cnnxfer.data.objects import LabelledBox
from cnnxfer.data.preparing.fit import fit_annotations
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.preparing.splits import assign_splits
from cnnxfer.data.sources import (
    find_source,
    list_dataset,
    tfds_copy,
    tfds_record,
    tfds_specs,
)
from cnnxfer.data.sources import tfds as source
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.data.sources.tfds_specs import RequestedSet
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.keras_backend import import_tensorflow_quietly
from cnnxfer.reporting import Reporter

import_tensorflow_quietly()

import tensorflow as tf  # noqa: E402
import tensorflow_datasets as tfds  # noqa: E402

NAMES = ["tulip", "daisy", "rose"]  # in no order of the alphabet
SLICES = {
    "train[25%:]": "train",
    "train[10%:25%]": "validation",
    "train[:10%]": "test",
}


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tfds"
    monkeypatch.setenv("TFDS_DATA_DIR", str(path))
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    tfds_specs.tfds_names.cache_clear()  # another test looked elsewhere
    return path


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def prepare(
    data_dir: Path,
    splits: dict[str, int],
    *,
    features: dict | None = None,
    record=lambda number: {"image": pixels(number), "label": number % 3},
    shards: int = 1,
    name: str = "my_flowers",
    version: str = "1.0.0",
    **options,
):
    """Writes a data set as TFDS does, with so many records in each split."""
    features = features or {
        "image": tfds.features.Image(encoding_format="png"),
        "label": tfds.features.ClassLabel(names=NAMES),
    }
    numbers = iter(range(sum(splits.values())))
    return tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version=version,
        data_dir=data_dir,
        features=tfds.features.FeaturesDict(features),
        split_datasets={
            split: [(number, record(number)) for number in islice(numbers, count)]
            for split, count in splits.items()
        },
        download_config=tfds.download.DownloadConfig(num_shards=shards),
        **options,
    )


def load(spec: str = "tfds:my_flowers"):
    return source.load(spec, Reporter())


def test_images_come_as_they_are_stored(data_dir: Path):
    prepare(data_dir, {"train": 30})
    dataset = load()
    assert (dataset.name, dataset.shuffled) == ("my_flowers", True)
    assert dataset.class_names == tuple(NAMES)
    assert {example.split for example in dataset.examples} == {None}
    assert len({example.id for example in dataset.examples}) == 30
    known = {pixels(number).tobytes(): number for number in range(30)}
    found = [known[decode(example.read()).tobytes()] for example in dataset.examples]
    assert sorted(found) == list(range(30))
    assert found != sorted(found)  # TFDS has mixed them
    assert [example.label for example in dataset.examples] == [i % 3 for i in found]
    rows = build_index(dataset.examples, Reporter())
    assert {(row.problem, row.format) for row in rows} == {(None, "PNG")}


def test_splits_are_respected_and_others_left_out(data_dir: Path):
    prepare(data_dir, {"train": 12, "validation": 6, "test": 3, "unsupervised": 9})
    found = Counter(example.split for example in load().examples)
    assert found == {"train": 12, "validation": 6, "test": 3}


@pytest.mark.parametrize("split", ["test", "everything"])
def test_a_single_split_is_ignored(data_dir: Path, split):
    prepare(data_dir, {split: 6})
    assert [example.split for example in load().examples] == [None] * 6


@pytest.mark.parametrize(
    "spec", ["my_flowers/big", "tfds:my_flowers/big", "tfds:my_flowers/big:1.0.0"]
)
def test_a_config_is_found(data_dir: Path, spec):
    prepare(data_dir, {"train": 6}, config="big")
    dataset = load(spec)
    assert (dataset.name, len(dataset.examples)) == ("my_flowers", 6)


def test_other_features_are_ignored(data_dir: Path):
    features = {
        "boxes": tfds.features.Sequence(tfds.features.BBoxFeature()),
        "image": tfds.features.Image(encoding_format="jpeg"),
        "image/filename": tfds.features.Text(),
        "breed": tfds.features.ClassLabel(names=["a", "b"]),
        "weight": tfds.features.Scalar(np.float32),
    }
    prepare(
        data_dir,
        {"train": 4},
        features=features,
        record=lambda number: {
            "boxes": [tfds.features.BBox(0.0, 0.0, 1.0, 1.0)] * number,
            "image": pixels(number),
            "image/filename": f"{number}.jpg",
            "breed": number % 2,
            "weight": 1.5,
        },
    )
    dataset = load()
    assert dataset.class_names == ("a", "b")
    assert Counter(example.label for example in dataset.examples) == {0: 2, 1: 2}
    rows = build_index(dataset.examples, Reporter())
    assert {(row.problem, row.format, row.width) for row in rows} == {
        (None, "JPEG", 16)
    }


def test_images_with_withheld_labels_are_left_out(data_dir: Path):
    prepare(
        data_dir,
        {"train": 6, "test": 3},
        record=lambda number: {
            "image": pixels(number),
            "label": number % 3 if number < 6 else -1,
        },
    )
    assert [example.split for example in load().examples] == ["train"] * 6


def test_a_set_without_images_and_labels_is_named(data_dir: Path):
    features = {"text": tfds.features.Text(), "stars": tfds.features.Scalar(np.int64)}
    record = {"text": "so so", "stars": 3}
    prepare(data_dir, {"train": 2}, features=features, record=lambda number: record)
    with pytest.raises(DataError, match=r"has the features .*text.*Choose a set that"):
        load()


def test_slices_are_those_of_tfds_over_many_files(data_dir: Path):
    builder = prepare(data_dir, {"train": 200}, shards=4)
    dataset = load()
    rows = build_index(dataset.examples, Reporter())
    parts = assign_splits(rows, "slices", shuffled=dataset.shuffled)
    for text, part in SLICES.items():
        expected = {
            record["image"].tobytes()
            for record in tfds.as_numpy(builder.as_dataset(split=text))
        }
        found = {
            decode(row.example.read()).tobytes()
            for row, its_part in zip(rows, parts, strict=True)
            if its_part == part
        }
        assert found == expected


def test_a_set_in_its_own_order_is_not_shuffled(data_dir: Path):
    prepare(data_dir, {"train": 6}, disable_shuffling=True)
    assert not load().shuffled


def test_a_sequence_of_labels_makes_a_set_multi_label(data_dir: Path):
    features = {
        "image": tfds.features.Image(encoding_format="png"),
        "labels": tfds.features.Sequence(tfds.features.ClassLabel(names=NAMES)),
    }
    labels = [[], [2, 0], [1]]
    prepare(
        data_dir,
        {"train": 3},
        features=features,
        record=lambda number: {"image": pixels(number), "labels": labels[number]},
    )
    dataset = load()
    assert dataset.task == MULTI_LABEL
    assert dataset.class_names == tuple(NAMES)
    assert sorted(example.labels for example in dataset.examples) == [(), (1,), (2, 0)]
    assert load() == dataset


def test_a_single_label_takes_precedence_over_several(data_dir: Path):
    features = {
        "image": tfds.features.Image(encoding_format="png"),
        "attributes": tfds.features.Sequence(tfds.features.ClassLabel(names=["x"])),
        "species": tfds.features.ClassLabel(names=NAMES),
    }
    record = {"image": pixels(0), "attributes": [0], "species": 1}
    prepare(data_dir, {"train": 1}, features=features, record=lambda number: record)
    dataset = load()
    assert dataset.task == CLASSIFICATION
    assert [example.labels for example in dataset.examples] == [(1,)]


def test_of_several_labels_the_feature_named_label_is_used(data_dir: Path):
    features = {
        "coarse_label": tfds.features.ClassLabel(names=["plant", "animal"]),
        "image": tfds.features.Image(encoding_format="png"),
        "label": tfds.features.ClassLabel(names=NAMES),
    }
    record = {"image": pixels(0), "coarse_label": 0, "label": 1}
    prepare(data_dir, {"train": 1}, features=features, record=lambda number: record)
    for _ in range(2):  # from the copy, too
        reporter = RecordingReporter()
        dataset = source.load("tfds:my_flowers", reporter)
        assert dataset.class_names == tuple(NAMES)
        said = "the labels of my_flowers are its 'label', not 'coarse_label'"
        assert said in reporter.infos


def test_several_labels_none_of_which_is_the_label_are_refused(data_dir: Path):
    names = ("coarse_label", "fine_label")
    features = {
        "image": tfds.features.Image(encoding_format="png"),
        **{name: tfds.features.ClassLabel(names=NAMES) for name in names},
    }
    record = {"image": pixels(0), **dict.fromkeys(names, 0)}
    prepare(data_dir, {"train": 1}, features=features, record=lambda number: record)
    with pytest.raises(DataError, match="has the labels coarse_label and fine_label, "):
        load()


def test_images_of_floats_are_refused(data_dir: Path):
    features = {
        "image": tfds.features.Image(shape=(2, 2, 1), dtype=np.float32),
        "label": tfds.features.ClassLabel(names=NAMES),
    }
    record = {"image": np.zeros((2, 2, 1), np.float32), "label": 1}
    prepare(data_dir, {"train": 1}, features=features, record=lambda number: record)
    with pytest.raises(DataError, match="expected an image and a class label"):
        load()


@pytest.mark.parametrize(
    ("split", "parts"),
    [
        ("train", {None: 40}),
        ("train[:10%]", {None: 4}),
        ("train[30:]+train[:5]", {None: 15}),
        ("train[:50%]+test", {"train": 20, "test": 8}),
        ("all", {"train": 40, "test": 8}),
    ],
)
def test_slices_are_those_of_tfds(data_dir: Path, split, parts):
    builder = prepare(data_dir, {"train": 40, "test": 8}, shards=3)
    dataset = load(f"tfds:my_flowers[{split}]")
    assert (dataset.name, dataset.title) == ("my_flowers", f"my_flowers[{split}]")
    assert Counter(example.split for example in dataset.examples) == parts
    records = builder.as_dataset(
        split=split, read_config=tfds.ReadConfig(add_tfds_id=True)
    )
    expected = {record["tfds_id"].decode() for record in tfds.as_numpy(records)}
    assert {example.id for example in dataset.examples} == expected
    whole = {example.id: example.read() for example in load().examples}
    assert {example.id: example.read() for example in dataset.examples} == {
        id: whole[id] for id in expected
    }


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        ("trian", "Unknown split 'trian'"),
        ("train[:", "Error parsing split"),
        ("train[:120%]", "Error parsing split"),
    ],
)
def test_an_unknown_split_is_named(data_dir: Path, split, reason):
    prepare(data_dir, {"train": 40, "test": 8})
    expected = (
        rf"is not a split of my_flowers: .*{reason}.* It has train \(40 images\), test "
        r"\(8 images\); expected a split such as train\[:10%\]\."
    )
    with pytest.raises(ConfigError, match=expected):
        load(f"my_flowers[{split}]")


def test_a_prepared_folder_can_be_read_from_any_path(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    prepare(data_dir, {"train": 6})
    prepare(data_dir, {"train": 20}, version="1.10.0")
    prepare(data_dir, {"train": 9}, version="1.9.0")
    monkeypatch.delenv("TFDS_DATA_DIR")
    moved = data_dir.rename(tmp_path / "elsewhere") / "my_flowers"
    for spec, count in [
        (f"{moved}/1.0.0", 6),
        (f"{moved}/1.9.0/", 9),
        (f"{moved}", 20),  # the newest
        (f"{moved}[train[:50%]]", 10),
    ]:
        assert find_source(spec).name == "tfds"
        dataset = load(spec)
        assert (dataset.name, len(dataset.examples)) == ("my_flowers", count)
        assert load(spec) == dataset


def test_a_set_given_by_name_or_folder_has_the_same_copy(data_dir: Path):
    prepare(data_dir, {"train": 6})
    assert load() == load(str(data_dir / "my_flowers" / "1.0.0"))


def test_a_prepared_folder_that_is_damaged_is_named(data_dir: Path):
    prepare(data_dir, {"train": 6})
    folder = data_dir / "my_flowers" / "1.0.0"
    (folder / "dataset_info.json").write_text("{")
    with pytest.raises(DataError, match=rf"^{folder} cannot be read as a set that Ten"):
        load(str(folder))


CORE = "tensorflow_datasets.core.features."
STRANGE = {"pythonClassName": "strange.X", "classLabel": {"numClasses": "3"}}


def json_feature(content: dict) -> dict:
    return {"jsonFeature": {"json": json.dumps(content)}}


@pytest.mark.parametrize(
    "label",
    [
        STRANGE,
        {"python_class_name": "strange.X", "class_label": {"num_classes": 3}},
        {
            "pythonClassName": f"{CORE}sequence_feature.Sequence",
            "sequence": {"feature": STRANGE},
        },
        {
            "pythonClassName": f"{CORE}sequence_feature.Sequence",
            **json_feature({"feature": {"type": "strange.X", "content": {}}}),
        },
        # In the package of the features, but none of them.
        {**STRANGE, "pythonClassName": f"{CORE}test_feature.CustomFeatureConnector"},
    ],
    ids=["named", "other spelling", "nested", "in a text", "not public"],
)
@pytest.mark.parametrize("by_name", [False, True], ids=["folder", "name"])
def test_no_class_is_imported_because_a_file_names_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, label: dict, by_name: bool
):
    prepare(data_dir, {"train": 1})
    path = data_dir / "my_flowers" / "1.0.0" / "features.json"
    document = json.loads(path.read_text())
    document["featuresDict"]["features"]["label"] = label
    check_refused(path, document, monkeypatch, by_name)


def test_no_class_of_the_older_form_is_imported(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    prepare(data_dir, {"train": 1})
    path = data_dir / "my_flowers" / "1.0.0" / "features.json"
    content = {"label": {"type": "strange.X", "content": {}}}
    document = {"type": f"{CORE}features_dict.FeaturesDict", "content": content}
    check_refused(path, document, monkeypatch, by_name=False)


def check_refused(
    path: Path, document: dict, monkeypatch: pytest.MonkeyPatch, by_name: bool
) -> None:
    path.write_text(json.dumps(document))
    (path.parent / "strange.py").write_text("open(__file__ + '.ran', 'w').close()")
    monkeypatch.syspath_prepend(path.parent)
    spec = "tfds:my_flowers" if by_name else str(path.parent)
    with pytest.raises(DataError, match=r"is no feature of TensorFlow Datasets itself"):
        load(spec)
    assert not (path.parent / "strange.py.ran").exists()
    assert not sys.modules.keys() & {"strange", f"{CORE}test_feature"}


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (2, r"the image my_flowers-train.* has the label 2, and there are 2 classes"),
        (2_000_000_000, r"declares 2,000,000,000 classes; the limit is 1,000,000"),
    ],
)
def test_a_wrong_number_of_classes_is_named(data_dir: Path, number: int, reason: str):
    prepare(data_dir, {"train": 6})
    folder = data_dir / "my_flowers" / "1.0.0"
    path = folder / "features.json"
    text = path.read_text()
    assert '"numClasses": "3"' in text
    path.write_text(text.replace('"numClasses": "3"', f'"numClasses": "{number}"'))
    (folder / "label.labels.txt").unlink()
    with pytest.raises(DataError, match=reason):
        load(str(folder))


def test_features_by_the_names_of_earlier_releases_are_read(data_dir: Path):
    prepare(
        data_dir,
        {"train": 3},
        features={
            "image": tfds.features.Image(encoding_format="png"),
            "label": tfds.features.ClassLabel(names=NAMES),
            "weight": tfds.features.Tensor(shape=(), dtype=np.float32),
        },
        record=lambda number: {"image": pixels(number), "label": 0, "weight": 1.0},
    )
    path = data_dir / "my_flowers" / "1.0.0" / "features.json"
    text = path.read_text()
    assert "tensor_feature.Tensor" in text
    path.write_text(text.replace("tensor_feature.Tensor", "feature.Tensor"))
    assert len(load(str(path.parent)).examples) == 3
    cls_from_name = tfds.features.FeatureConnector.cls_from_name
    with pytest.raises(ValueError, match="Could not import"):  # as before
        cls_from_name("no.such.module.Feature")


def test_a_folder_of_classes_is_not_taken_for_a_prepared_set(photos_dir: Path):
    assert find_source(str(photos_dir)).name == "folder"


def test_images_are_copied_once(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    prepare(data_dir, {"train": 6})
    first = load()
    [record] = tfds_record.own_copies_dir().glob("*.json")
    record.unlink()

    def read(*arguments: object) -> None:
        raise AssertionError("copied again")

    monkeypatch.setattr(tfds_copy, "_records", read)
    assert load() == first


LOAD_AFRESH = """
import sys
from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter
dataset = list_dataset("my_flowers", Reporter())
print(repr(dataset))
print({"keras", "tensorflow", "tensorflow_datasets"} & set(sys.modules) or "light")
"""


def test_a_copied_set_is_read_without_tensorflow(data_dir: Path):
    prepare(data_dir, {"train": 6, "test": 3})
    first, second = (
        subprocess.run(
            [sys.executable, "-c", LOAD_AFRESH],
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    )
    assert (first.stderr, second.stderr) == ("", "")
    (dataset, first_modules), (same, second_modules) = (
        done.stdout.splitlines() for done in (first, second)
    )
    assert dataset == same == repr(list_dataset("my_flowers", Reporter()))
    assert "tensorflow_datasets" in first_modules
    assert second_modules == "light"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the data sets that TFDS was asked for, in order."""
    names: list[str] = []
    copy_set = tfds_copy.copy_set

    def ask(requested: RequestedSet, kind: str, reporter: Reporter) -> Any:
        names.append(requested.set_name)
        return copy_set(requested, kind, reporter)

    monkeypatch.setattr(tfds_copy, "copy_set", ask)
    return names


def test_each_specification_has_its_own_record(data_dir: Path, asked: list[str]):
    prepare(data_dir, {"train": 6})
    prepare(data_dir, {"train": 3}, name="my_trees")
    for spec, count in [("my_flowers", 6), ("my_trees", 3), ("my_flowers:1.0.0", 6)]:
        assert len(load(spec).examples) == count
        assert len(load(f"tfds:{spec}").examples) == count
    assert asked == ["my_flowers", "my_trees", "my_flowers:1.0.0"]


def test_a_set_that_was_prepared_again_is_read_again(data_dir: Path, asked: list[str]):
    prepare(data_dir, {"train": 6})
    old = load()
    [prepared] = data_dir.glob("my_flowers/1.0.0")
    prepared.rename(data_dir / "old")
    features = {
        "image": tfds.features.Image(encoding_format="png"),
        "label": tfds.features.ClassLabel(names=["oak", "elm", "ash"]),
    }
    prepare(data_dir, {"train": 6}, features=features, disable_shuffling=True)
    new = load()
    assert (new.class_names, new.shuffled) == (("oak", "elm", "ash"), False)
    assert new.examples[0].path != old.examples[0].path
    shutil.rmtree(prepared)
    (data_dir / "old").rename(prepared)  # its copy is still there
    assert load() == old
    assert len(asked) == 3


def test_a_set_that_was_deleted_is_an_error(data_dir: Path):
    prepare(data_dir, {"train": 6})
    load()
    shutil.rmtree(data_dir / "my_flowers")
    with pytest.raises(DataError, match="TensorFlow Datasets has no 'my_flowers'"):
        load()


def test_a_new_version_is_read_instead(data_dir: Path, asked: list[str]):
    prepare(data_dir, {"train": 6})
    assert len(load().examples) == 6
    prepare(data_dir, {"train": 9}, version="1.1.0")
    assert len(load().examples) == 9
    shutil.rmtree(data_dir / "my_flowers" / "1.1.0")
    assert len(load().examples) == 6
    assert len(asked) == 3


def test_another_default_config_is_read_instead(data_dir: Path):
    prepare(data_dir, {"train": 6}, config="big")
    prepare(data_dir, {"train": 3}, config="small")
    default = data_dir / "my_flowers" / ".config" / "metadata.json"
    default.parent.mkdir(exist_ok=True)
    for config, count in [("big", 6), ("small", 3)]:
        default.write_text(json.dumps({"default_config_name": config}))
        assert len(load().examples) == count


def test_a_deleted_copy_is_made_again(data_dir: Path):
    prepare(data_dir, {"train": 6})
    first = load()
    shutil.rmtree(first.examples[0].path.parent)
    assert load() == first
    assert decode(first.examples[0].read()).size == (16, 12)


def test_another_release_of_tfds_is_queried_again(
    data_dir: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
):
    prepare(data_dir, {"train": 6})
    load()
    monkeypatch.setattr(tfds_record, "version", lambda package: "9.9.9")
    load()
    load()
    assert len(asked) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-20],
        lambda content: content.replace(b'"1.0.0"', b'"1.0.1"'),
        lambda content: b"\xff" + content,
        lambda content: b"",
    ],
    ids=["short", "altered", "not ASCII", "empty"],
)
def test_a_damaged_record_is_written_again(data_dir: Path, asked: list[str], damage):
    prepare(data_dir, {"train": 6})
    first = load()
    [record] = tfds_record.own_copies_dir().glob("*.json")
    whole = record.read_bytes()
    record.write_bytes(damage(whole))
    assert load() == first
    assert record.read_bytes() == whole
    assert load() == first
    assert len(asked) == 2


def test_a_record_of_another_format_is_written_again(data_dir: Path, asked: list[str]):
    prepare(data_dir, {"train": 6})
    first = load()
    [record] = tfds_record.own_copies_dir().glob("*.json")
    text = json.dumps({"name": "my_flowers"})
    record.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    assert load() == first
    assert load() == first
    assert len(asked) == 2


def test_a_set_is_read_although_the_cache_cannot_be_written(
    data_dir: Path, asked, monkeypatch
):
    prepare(data_dir, {"train": 6})
    first = load()
    [record] = tfds_record.own_copies_dir().glob("*.json")
    record.unlink()

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cnnxfer.files.tempfile.mkstemp", refuse)
    assert load() == load() == first
    assert len(asked) == 3


def test_other_preparations_of_a_version_have_their_own_copies(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    prepare(data_dir, {"train": 6})
    first = load()
    other = tmp_path / "other"
    prepare(
        other,
        {"train": 6},
        record=lambda number: {"image": pixels(99 - number), "label": number % 3},
    )
    monkeypatch.setenv("TFDS_DATA_DIR", str(other))
    assert load().examples[0].read() != first.examples[0].read()


def test_a_damaged_set_is_an_error_and_not_kept(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    prepare(data_dir, {"train": 30})
    [records] = data_dir.rglob("*.tfrecord*")
    whole = records.read_bytes()
    records.write_bytes(whole[:-50])
    with pytest.raises(
        DataError,
        match=r"1\.0\.0 is damaged: truncated record at \d+[^{}[]*\. Delete it",
    ):
        load()
    records.write_bytes(whole)
    with monkeypatch.context() as patch:
        little = tf.errors.ResourceExhaustedError(None, None, "no memory [Op:Next]")
        patch.setattr(tfds.core.DatasetBuilder, "as_dataset", Mock())
        reading = tfds.core.DatasetBuilder.as_dataset.return_value.as_numpy_iterator
        reading.side_effect = little
        with pytest.raises(DataError, match=r"read: no memory\. Remove the reason"):
            load()
    assert len(load().examples) == 30


def test_an_unknown_set_is_named_with_the_nearest():
    with pytest.raises(DataError) as caught:
        load("tfds:tf_flower")
    assert str(caught.value) == (
        "TensorFlow Datasets has no 'tf_flower': Dataset tf_flower not found. "
        "Did you mean 'tf_flowers'? "
        "Its catalog: https://www.tensorflow.org/datasets/catalog"
    )


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("tf_flowers:9.9.9", "Dataset tf_flowers cannot be loaded at version 9.9.9, "),
        ("mnist/nope", "BuilderConfig nope not found with version "),
    ],
)
def test_unknown_versions_and_configs_are_named(spec, reason):
    with pytest.raises(DataError, match=f"no '{spec}': {reason}"):
        load(spec)


class TinyDownload(tfds.core.GeneratorBasedBuilder):
    """A set of two classes that is downloaded from `url`."""

    VERSION = tfds.core.Version("1.0.0")
    url = ""

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(),
                    "label": tfds.features.ClassLabel(names=["a", "b"]),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager):
        root = dl_manager.download_and_extract(self.url)
        return {"train": self._generate_examples(root)}

    def _generate_examples(self, root):
        for path in sorted(root.glob("*/*.jpg")):
            yield path.name, {"image": path, "label": path.parent.name}


@contextmanager
def serve(folder: Path):
    """Serves a folder on the loopback interface."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder that holds flowers.zip: three JPEGs in each of a/ and b/."""
    for number in range(6):
        path = tmp_path / "flowers" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(number)).save(path)
    shutil.make_archive(
        str(tmp_path / "served" / "flowers"), "zip", tmp_path / "flowers"
    )
    return tmp_path / "served"


def test_a_set_is_downloaded_once(archive: Path, tmp_path: Path, capfd, monkeypatch):
    with serve(archive) as address:
        monkeypatch.setattr(TinyDownload, "url", f"{address}/flowers.zip")
        dataset = load("tfds:tiny_download")
    assert dataset.class_names == ("a", "b")
    expected = {
        (path.read_bytes(), "ab".index(path.parent.name))
        for path in (tmp_path / "flowers").rglob("*.jpg")
    }
    assert {(example.read(), example.label) for example in dataset.examples} == expected
    assert capfd.readouterr().out == ""  # where only results belong
    assert load("tfds:tiny_download") == dataset  # the server is gone


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (None, "http://127.0.0.1:1/flowers.zip cannot be reached"),
        ("absent.zip", "Failed to get url .*absent.zip. HTTP code: 404"),
        ("broken.zip", "Error while extracting .*File is not a zip file"),
    ],
)
def test_a_failed_download_is_one_line_and_leaves_no_set(
    archive: Path, data_dir: Path, path, reason, capfd, monkeypatch
):
    monkeypatch.setattr(tfds_copy, "RETRIES", 1)
    (archive / "broken.zip").write_bytes(b"PK" + bytes(50))
    before = set(data_dir.rglob("*"))
    with serve(archive) as address:
        url = f"{address}/{path}" if path else "http://127.0.0.1:1/flowers.zip"
        monkeypatch.setattr(TinyDownload, "url", url)
        expected = (
            r"^tiny_download is not prepared under .*/tiny_download/1\.0\.0 and could "
            rf"not be downloaded: {reason}\. Set TFDS_DATA_DIR to .* set 'sample'\.$"
        )
        with pytest.raises(DataError, match=expected) as caught:
            load("tfds:tiny_download")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""
    assert not list(data_dir.rglob("dataset_info.json"))
    # What came whole is kept, for the next attempt, and nothing else that is new.
    new = set(data_dir.rglob("*")) - before
    kept = {item for item in new if item.suffix in (".zip", ".INFO")}
    assert new - kept == {parent for item in kept for parent in item.parents} & new
    assert bool(kept) == (path == "broken.zip")
    with serve(archive) as address:
        monkeypatch.setattr(TinyDownload, "url", f"{address}/flowers.zip")
        assert len(load("tfds:tiny_download").examples) == 6


class TinyConfigs(TinyDownload):
    """A set that has variants, whose default one TFDS writes down."""

    BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name="small")]


def test_a_failed_download_leaves_no_folder_that_was_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tfds_copy, "RETRIES", 1)
    monkeypatch.setattr(TinyDownload, "url", "http://127.0.0.1:1/flowers.zip")
    places = tmp_path / "places"
    places.mkdir()
    for place, kept in (
        (places / "not" / "there", ()),
        (places, ("downloads/tiny_configs/whole.zip", "tiny_configs/old/1.0.0/x")),
    ):
        for name in kept:
            (place / name).parent.mkdir(parents=True)
            (place / name).touch()
        monkeypatch.setenv("TFDS_DATA_DIR", str(place))
        before = set(places.rglob("*"))
        for name in ("tiny_configs", "tiny_download"):
            with pytest.raises(DataError, match="could not be downloaded"):
                load(f"tfds:{name}")
        assert set(places.rglob("*")) == before


class TinyByHand(TinyDownload):
    """A set whose archive must be put into a directory by hand."""

    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Log in at example.org and get
    flowers.zip.
    """

    def _split_generators(self, dl_manager):
        root = dl_manager.extract(dl_manager.manual_dir / "flowers.zip")
        return {"train": self._generate_examples(root)}


def test_the_error_explains_which_files_to_download_by_hand(
    archive: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    usual = data_dir / "downloads" / "manual"
    expected = (
        rf"^tiny_by_hand has files that must be downloaded by hand, and {usual} holds "
        rf"nothing\. Put them into {usual}, or set TFDS_MANUAL_DIR to .* Datasets says"
        r": Log in at example\.org and get flowers\.zip\.$"
    )
    with pytest.raises(DataError, match=expected):
        load("tfds:tiny_by_hand")
    usual.mkdir(parents=True)
    (usual / "another.zip").touch()
    with pytest.raises(DataError, match=r"by hand, and .*flowers\.zip"):
        load("tfds:tiny_by_hand")
    monkeypatch.setenv("TFDS_MANUAL_DIR", str(archive))
    assert len(load("tfds:tiny_by_hand").examples) == 6


def test_tf_flowers_is_read_without_output(shared: Path, tmp_path: Path):
    prepared = shared / "data" / "tfds"
    code = (
        "from cnnxfer.data.sources import list_dataset;"
        "from cnnxfer.reporting import Reporter;"
        "dataset = list_dataset('tf_flowers', Reporter());"
        "print(len(dataset.examples), *dataset.class_names)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TFDS_DATA_DIR": str(prepared)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout == "3254 daisy dandelion roses sunflowers tulips\n"


def test_slices_of_tf_flowers_match_those_of_tfds(shared: Path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared / "data" / "tfds"))
    dataset = load("tf_flowers")
    rows = [IndexRow(example) for example in dataset.examples]
    parts = assign_splits(rows, "slices", shuffled=dataset.shuffled)
    for text, part in SLICES.items():
        pieces = tfds.load(
            "tf_flowers",
            split=text,
            data_dir=shared / "data" / "tfds",
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(add_tfds_id=True),
        )
        expected = {record["tfds_id"].decode() for record in tfds.as_numpy(pieces)}
        found = {
            row.example.id
            for row, its_part in zip(rows, parts, strict=True)
            if its_part == part
        }
        assert len(expected) > 300
        assert found == expected


OBJECTS = {
    "image": tfds.features.Image(encoding_format="png"),
    "objects": tfds.features.Sequence(
        {
            "bbox": tfds.features.BBoxFeature(),
            "is_crowd": np.bool_,
            "label": tfds.features.ClassLabel(names=NAMES),
            "pose": tfds.features.ClassLabel(names=["left", "right"]),
        }
    ),
}


def with_objects(*labels: int) -> dict[str, Any]:
    """Returns a record whose objects have the upper half of an image as their box."""
    return {
        "image": pixels(len(labels)),
        "objects": [
            {
                "bbox": tfds.features.BBox(ymin=0.0, xmin=0.25, ymax=0.5, xmax=1.0),
                "is_crowd": number > 0,
                "label": label,
                "pose": 0,
            }
            for number, label in enumerate(labels)
        ],
    }


def test_boxes_are_read_in_pixels(data_dir: Path):
    records = [with_objects(), with_objects(2), with_objects(0, 1)]
    prepare(data_dir, {"train": 3}, features=OBJECTS, record=lambda n: records[n])
    dataset = load()
    assert (dataset.task, dataset.class_names) == (DETECTION, tuple(NAMES))
    box = (4.0, 0.0, 16.0, 6.0)  # of 16 x 12 pixels
    objects = [it.annotation.objects for it in dataset.examples]
    assert sorted(objects, key=len) == [
        (),
        (LabelledBox(2, box),),
        (LabelledBox(0, box), LabelledBox(1, box, crowd=True)),
    ]
    assert {(it.annotation.width, it.annotation.height) for it in dataset.examples} == {
        (16, 12)
    }
    assert load() == dataset  # from the copy


def test_labels_come_before_the_boxes_that_a_task_asks_for(data_dir: Path):
    of_labels = tfds.features.Sequence(tfds.features.ClassLabel(names=NAMES))
    features = {**OBJECTS, "labels": of_labels, "labels_no_difficult": of_labels}
    labels = {"labels": [0, 2], "labels_no_difficult": [2]}
    record = {**with_objects(0, 2), **labels}
    prepare(data_dir, {"train": 2}, features=features, record=lambda n: record)
    for _ in range(2):  # from the copy, too
        dataset = load()
        assert (dataset.task, dataset.examples[0].labels) == (MULTI_LABEL, (0, 2))
        for task in (DETECTION, LOCALIZATION):
            boxes = suited_to(dataset, task, "none", Reporter())
            assert len(boxes.examples[0].annotation.objects) == 2


def test_labels_that_are_not_clear_leave_the_boxes(data_dir: Path):
    of_labels = tfds.features.Sequence(tfds.features.ClassLabel(names=NAMES))
    features = {**OBJECTS, "colours": of_labels, "poses": of_labels}
    record = {**with_objects(0), "colours": [0], "poses": [0]}
    prepare(data_dir, {"train": 2}, features=features, record=lambda n: record)
    assert load().task == LOCALIZATION


def test_one_box_an_image_is_localization_and_withheld_labels_are_none(data_dir: Path):
    record = with_objects(1, -1)
    prepare(data_dir, {"train": 2}, features=OBJECTS, record=lambda n: record)
    dataset = load()
    assert dataset.task == LOCALIZATION
    assert [it.labels for it in dataset.examples] == [(1,), (1,)]


def test_masks_are_read_where_there_is_no_label_or_the_task_asks(data_dir: Path):
    mask = np.repeat(np.array([[1], [2]], np.uint8), 6, axis=0).repeat(16, axis=1)
    features = {
        "image": tfds.features.Image(encoding_format="jpeg"),
        "segmentation_mask": tfds.features.Image(shape=(None, None, 1)),
    }
    record = {"image": pixels(0), "segmentation_mask": mask[..., None]}
    prepare(data_dir, {"train": 2}, features=features, record=lambda n: record)
    dataset = load()
    assert (dataset.task, dataset.class_names) == (SEGMENTATION, ("class 1", "class 2"))
    (row, _), _ = fit_annotations(build_index(dataset.examples, Reporter()))
    assert row.format == "JPEG"
    assert (row.example.annotation.pixels() == mask - 1).all()
    features["label"] = tfds.features.ClassLabel(names=NAMES)
    record["label"] = 2
    prepare(
        data_dir,
        {"train": 2},
        features=features,
        record=lambda n: record,
        name="my_labels",
    )
    labelled = load("tfds:my_labels")
    assert (labelled.task, labelled.examples[0].labels) == (CLASSIFICATION, (2,))
    asked = suited_to(labelled, SEGMENTATION, "none", Reporter())
    assert (asked.task, asked.class_names) == (SEGMENTATION, ("class 1", "class 2"))
