"""Tests that data that `datasets` saved is read offline and without output."""

import io
import os
import shutil
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.data.dataset import MULTI_LABEL
from cnnxfer.data.sources import find_source, hugging_face, list_dataset
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.reporting import Reporter

NAMES = ["tulip", "daisy", "rose"]  # in no order of the alphabet

needs_datasets = pytest.mark.skipif(
    find_spec("datasets") is None, reason="needs datasets: cnnxfer[hf]"
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "flowers"


def encoded(number: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def image(number: int) -> dict[str, Any]:
    return {"bytes": encoded(number), "path": f"/home/somebody/{number}.png"}


def save(
    root: Path, splits: dict[str, dict[str, list]], files: int = 1, **features: Any
) -> None:
    """Saves columns as `datasets` does; a split called "" alone, without a name."""
    import datasets

    kinds = datasets.Features({"image": datasets.Image(), **features})
    datasets.disable_progress_bars()
    saved = datasets.DatasetDict(
        {
            name: datasets.Dataset.from_dict(columns, features=kinds)
            for name, columns in splits.items()
        }
    )
    if "" in saved:
        saved[""].save_to_disk(root, num_shards=files)
    else:
        saved.save_to_disk(root)


def labels(**options: Any) -> Any:
    import datasets

    return datasets.ClassLabel(**options)


def column(first: int, count: int) -> dict[str, list]:
    numbers = range(first, first + count)
    return {"image": [image(n) for n in numbers], "label": [n % 3 for n in numbers]}


def load(root: Path):
    return list_dataset(str(root), Reporter())


@needs_datasets
def test_images_come_as_they_are_stored(root: Path):
    save(root, {"": column(0, 30)}, label=labels(names=NAMES))
    assert find_source(str(root)).name == "hugging-face"
    dataset = load(root)
    assert (dataset.name, dataset.shuffled) == ("flowers", False)
    assert dataset.class_names == ("daisy", "rose", "tulip")
    assert [example.read() for example in dataset.examples] == [
        encoded(number) for number in range(30)
    ]
    assert [dataset.class_names[example.label] for example in dataset.examples] == [
        NAMES[number % 3] for number in range(30)
    ]
    assert {example.split for example in dataset.examples} == {None}
    assert dataset.examples[29].id == "29-29.png"


@needs_datasets
def test_splits_are_respected_and_others_left_out(root: Path):
    splits = {
        "train": column(0, 12),
        "valid": column(12, 6),
        "test": column(18, 3),
        "unsupervised": column(21, 9),
    }
    save(root, splits, label=labels(names=NAMES))
    dataset = load(root)
    found = Counter(example.split for example in dataset.examples)
    assert found == {"train": 12, "validation": 6, "test": 3}
    assert dataset.examples[12].id == "valid-0-12.png"


@needs_datasets
@pytest.mark.parametrize("split", ["test", "everything"])
def test_a_single_split_is_ignored(root: Path, split):
    save(root, {split: column(0, 6)}, label=labels(names=NAMES))
    assert [example.split for example in load(root).examples] == [None] * 6


@needs_datasets
def test_a_selection_keeps_its_order(root: Path):
    import datasets

    save(root, {"": column(0, 9)}, label=labels(names=NAMES))
    chosen = root.with_name("chosen")
    datasets.load_from_disk(str(root)).select([7, 2, 4]).save_to_disk(chosen)
    assert [example.read() for example in load(chosen).examples] == [
        encoded(number) for number in (7, 2, 4)
    ]


@needs_datasets
def test_a_sequence_of_labels_makes_a_set_multi_label(root: Path):
    import datasets

    columns = {
        "image": [image(number) for number in range(3)],
        "tags": [[], [2, 0], [1]],
    }
    save(root, {"": columns}, tags=datasets.Sequence(labels(names=NAMES)))
    dataset = load(root)
    assert dataset.task == MULTI_LABEL
    assert dataset.class_names == ("daisy", "rose", "tulip")
    assert [example.labels for example in dataset.examples] == [(), (1, 2), (0,)]


@needs_datasets
def test_which_of_several_labels_is_taken_is_told(root: Path):
    columns = column(0, 3) | {"kind": [0, 1, 0], "category": ["a", "b", "a"]}
    import datasets

    kinds = {"kind": labels(names=["x", "y"]), "category": datasets.Value("string")}
    save(root, {"": columns}, label=labels(names=NAMES), **kinds)
    for _ in range(2):  # from the copy, too
        reporter = RecordingReporter()
        assert list_dataset(str(root), reporter).class_names == tuple(sorted(NAMES))
        said = "the labels of flowers are its 'label', not 'kind' or 'category'"
        assert said in reporter.infos


@needs_datasets
def test_labels_of_equal_rank_are_refused(root: Path):
    columns = {"image": [image(0)], "fine_label": [0], "coarse_label": [1]}
    kinds = {name: labels(names=NAMES) for name in ("fine_label", "coarse_label")}
    save(root, {"": columns}, **kinds)
    with pytest.raises(DataError, match="has the labels fine_label and coarse_label, "):
        load(root)


@needs_datasets
def test_a_class_without_images_is_kept(root: Path):
    columns = {"image": [image(0), image(1)], "label": [1, 2]}
    save(root, {"": columns}, label=labels(names=NAMES))
    assert load(root).class_names == ("daisy", "rose", "tulip")


@needs_datasets
@pytest.mark.parametrize(
    ("kind", "values", "class_names", "found"),
    [
        ("string", ["b", "a", "b"], ("a", "b"), [(1,), (0,), (1,)]),
        ("int64", [7, 10, 7], ("10", "7"), [(1,), (0,), (1,)]),
        (["string"], [["b", "a"], [], ["b", "b"]], ("a", "b"), [(0, 1), (), (1,)]),
    ],
)
def test_plain_values_are_class_names(root: Path, kind, values, class_names, found):
    import datasets

    plain = datasets.Value(kind[0] if isinstance(kind, list) else kind)
    feature = datasets.Sequence(plain) if isinstance(kind, list) else plain
    columns = {"image": [image(number) for number in range(3)], "Label": values}
    columns["caption"] = ["x", "y", "z"]
    save(root, {"": columns}, Label=feature, caption=datasets.Value("string"))
    dataset = load(root)
    assert dataset.class_names == class_names
    assert [example.labels for example in dataset.examples] == found


@needs_datasets
def test_images_without_a_label_are_left_out(root: Path, caplog):
    columns = column(0, 5)
    columns["label"] = [0, None, -1, 2, 1]
    save(root, {"": columns}, label=labels(names=NAMES))
    with caplog.at_level("INFO", "cnnxfer"):
        assert [example.id for example in load(root).examples] == [
            "0-0.png",
            "3-3.png",
            "4-4.png",
        ]
    assert caplog.messages == [f"left out 2 images of {root} without a label."]


@needs_datasets
def test_images_in_separate_files_are_read(root: Path, tmp_path: Path):
    import datasets

    (tmp_path / "0.png").write_bytes(encoded(0))
    paths = [str(tmp_path / "0.png"), str(tmp_path / "1.png"), "https://a.org/2.png"]
    columns = {
        "image": [{"bytes": None, "path": path} for path in [*paths, None]],
        "label": [0, 1, 2, 0],
    }
    # `save_to_disk` puts them into its own files; old releases did not.
    kinds = datasets.Features({"image": datasets.Image(), "label": labels(names=NAMES)})
    writer = datasets.arrow_writer.ArrowWriter(
        features=kinds, path=str(tmp_path / "old.arrow"), embed_local_files=False
    )
    writer.write_batch(columns)
    writer.finalize()
    sound = {"image": [image(0)], "label": [0]}
    save(root, {"": sound}, label=labels(names=NAMES))
    [data] = root.glob("*.arrow")
    shutil.copy(tmp_path / "old.arrow", data)
    first, *others = load(root).examples
    assert first.read() == encoded(0)
    for example, reason in zip(
        others,
        ["no such file or directory", "it lies at https://a.org/2.png, ", "no image"],
        strict=True,
    ):
        with pytest.raises(DataError, match=f"^{reason}"):
            example.read()


LOAD_OFFLINE = """
import socket, sys
def refuse(*arguments):
    raise AssertionError(f"connected to {arguments}")
socket.socket.connect = socket.getaddrinfo = refuse
from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter
print(repr(list_dataset(sys.argv[1], Reporter())))
print("datasets" in sys.modules)
"""


@needs_datasets
def test_a_set_is_read_offline_without_output_and_cached(root: Path, tmp_path: Path):
    save(root, {"": column(0, 20)}, files=3, label=labels(names=NAMES))
    home = tmp_path / "home"
    home.mkdir()
    first, second = (
        subprocess.run(
            [sys.executable, "-c", LOAD_OFFLINE, str(root)],
            env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    )
    assert (first.stderr, second.stderr) == ("", "")
    (dataset, imported), (same, again) = (
        done.stdout.splitlines() for done in (first, second)
    )
    assert dataset == same
    assert (imported, again) == ("True", "False")
    assert not list(root.rglob("cache-*"))


@needs_datasets
def test_a_set_that_was_saved_again_is_read_again(root: Path):
    save(root, {"": column(0, 6)}, label=labels(names=NAMES))
    assert len(load(root).examples) == 6
    shutil.rmtree(root)
    save(root, {"": column(0, 9)}, label=labels(names=["x", "y", "z"]))
    dataset = load(root)
    assert (len(dataset.examples), dataset.class_names) == (9, ("x", "y", "z"))


@needs_datasets
def test_cache_files_of_the_library_do_not_count_as_a_change(root: Path, monkeypatch):
    save(root, {"": column(0, 6)}, label=labels(names=NAMES))
    first = load(root)
    (root / "cache-0123456789abcdef.arrow").write_bytes(b"computed")
    assert load(root) == first


@needs_datasets
@pytest.mark.parametrize("name", ["state.json", "dataset_info.json", "arrow"])
def test_a_damaged_set_is_an_error_and_not_kept(root: Path, name, monkeypatch):
    save(root, {"": column(0, 60)}, label=labels(names=NAMES))
    [path] = root.glob(f"*{name}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"^{root} cannot be read as a saved data set"):
        load(root)
    path.write_bytes(whole)
    with monkeypatch.context() as patch:
        patch.setattr("datasets.load_from_disk", Mock(side_effect=MemoryError))
        with pytest.raises(DataError, match=r"set: too little memory\. Remove the r"):
            load(root)
    assert len(load(root).examples) == 60


@needs_datasets
def test_a_set_without_images_and_labels_is_named(root: Path):
    import datasets

    columns = {"image": [image(0)], "caption": ["a rose"]}
    save(root, {"": columns}, caption=datasets.Value("string"))
    expected = rf"^{root} has the columns image, caption; expected one of images"
    with pytest.raises(DataError, match=expected):
        load(root)


def test_a_saved_set_is_recognized_by_its_files(root: Path):
    root.mkdir()
    for name in hugging_face.ONE_SPLIT_FILES:
        assert not hugging_face.accepts(str(root))
        (root / name).touch()
    assert hugging_face.accepts(str(root))


def test_a_missing_package_is_named(root: Path, monkeypatch: pytest.MonkeyPatch):
    root.mkdir()
    (root / "dataset_dict.json").touch()
    monkeypatch.setattr("cnnxfer.data.sources.extras.find_spec", lambda package: None)
    expected = r"cannot be read without datasets\. Install: pip install 'cnnxfer\[hf\]'"
    with pytest.raises(ConfigError, match=expected):
        find_source(str(root))


@needs_datasets
@pytest.mark.parametrize("of_dictionary", [False, True])
def test_compressed_files_are_not_unpacked(root: Path, of_dictionary: bool) -> None:
    import pyarrow as pa

    splits = {"train": column(0, 3), "test": column(3, 3)}
    save(root, splits, label=labels(names=NAMES))
    (path,) = (root / "test").glob("*.arrow")
    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_stream(file).read_all()
    bomb = pa.array(["x" * 1_000_000]).dictionary_encode() if of_dictionary else table
    table = pa.table({"bomb": bomb}) if of_dictionary else table
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(path, table.schema, options=options) as stream:
        stream.write_table(table)
    with pytest.raises(
        DataError, match=r"test/.*\.arrow is compressed, which no saved "
    ):
        load(root)
