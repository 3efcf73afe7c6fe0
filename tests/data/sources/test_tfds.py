"""TensorFlow Datasets: prepared sets of every kind, downloads, and their failures."""

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

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.decode import decode
from cnnxfer.data.index import build_index
from cnnxfer.data.sources import tfds as source
from cnnxfer.data.splits import assign_parts
from cnnxfer.errors import DataError
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter

import_tensorflow_quietly()

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
        version="1.0.0",
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
def test_a_single_split_is_no_part(data_dir: Path, split):
    prepare(data_dir, {split: 6})
    assert [example.split for example in load().examples] == [None] * 6


@pytest.mark.parametrize(
    "spec", ["my_flowers/big", "tfds:my_flowers/big", "tfds:my_flowers/big:1.0.0"]
)
def test_a_config_is_found(data_dir: Path, spec):
    prepare(data_dir, {"train": 6}, config="big")
    dataset = load(spec)
    assert (dataset.name, len(dataset.examples)) == ("my_flowers", 6)


def test_other_features_are_left_alone(data_dir: Path):
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


def test_withheld_labels_are_left_out(data_dir: Path):
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
    with pytest.raises(DataError, match=r"has the features .*text.*Choose an image-cl"):
        load()


def test_slices_are_those_of_tfds_over_many_files(data_dir: Path):
    builder = prepare(data_dir, {"train": 200}, shards=4)
    dataset = load()
    rows = build_index(dataset.examples, Reporter())
    parts = assign_parts(rows, "slices", shuffled=dataset.shuffled)
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


def test_images_are_copied_once(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    prepare(data_dir, {"train": 6})
    first = load()

    def copy(*arguments: object) -> None:
        raise AssertionError("copied again")

    monkeypatch.setattr(source, "_copy", copy)
    assert load() == first


def test_another_preparation_of_one_version_is_another_set(
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


def test_a_damaged_set_is_named_and_not_kept(data_dir: Path, tmp_path: Path):
    prepare(data_dir, {"train": 30})
    [records] = data_dir.rglob("*.tfrecord*")
    whole = records.read_bytes()
    records.write_bytes(whole[:-50])
    with pytest.raises(DataError, match=r"my_flowers/1\.0\.0 is damaged: .*Delete it"):
        load()
    records.write_bytes(whole)
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
    monkeypatch.setattr(source, "RETRIES", 1)
    (archive / "broken.zip").write_bytes(b"PK" + bytes(50))
    with serve(archive) as address:
        url = f"{address}/{path}" if path else "http://127.0.0.1:1/flowers.zip"
        monkeypatch.setattr(TinyDownload, "url", url)
        expected = (
            r"^tiny_download is not prepared under .*/tiny_download/1\.0\.0 and could "
            rf"not be downloaded: {reason}\. Set TFDS_DATA_DIR to .* --data sample\.$"
        )
        with pytest.raises(DataError, match=expected) as caught:
            load("tfds:tiny_download")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""
    assert not list(data_dir.rglob("dataset_info.json"))
    with serve(archive) as address:
        monkeypatch.setattr(TinyDownload, "url", f"{address}/flowers.zip")
        assert len(load("tfds:tiny_download").examples) == 6


def test_tf_flowers_is_read_in_silence(shared: Path, tmp_path: Path):
    prepared = shared / "data" / "tfds"
    code = (
        "from cnnxfer.quiet import import_tensorflow_quietly;"
        "import_tensorflow_quietly();"
        "from cnnxfer.data.sources import load_dataset;"
        "from cnnxfer.reporting import Reporter;"
        "dataset = load_dataset('tf_flowers', Reporter());"
        "print(len(dataset.examples), *dataset.class_names)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TFDS_DATA_DIR": str(prepared)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout == "3254 dandelion daisy tulips sunflowers roses\n"


def test_slices_of_tf_flowers_are_the_textbooks(shared: Path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared / "data" / "tfds"))
    dataset = load("tf_flowers")
    rows = [IndexRow(example) for example in dataset.examples]
    parts = assign_parts(rows, "slices", shuffled=dataset.shuffled)
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
