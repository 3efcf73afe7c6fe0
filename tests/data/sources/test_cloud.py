"""Tests that images in buckets are listed, downloaded once and verified."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.sources import cloud, find_source, list_dataset
from cnnxfer.data.sources.layout import PlacedFile
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.reporting import Reporter

sys.path.insert(0, str(Path(__file__).parent))

from buckets import Buckets, serve, set_environment

SCHEMES = [
    pytest.param(
        scheme,
        marks=pytest.mark.skipif(
            find_spec(package) is None, reason=f"needs {package}: cnnxfer[cloud]"
        ),
    )
    for scheme, package in cloud.PACKAGES.items()
]
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)
amazon = pytest.mark.parametrize("scheme", SCHEMES[:1])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    """A bucket that holds `set/rose` and `set/tulip é+ &?[1]*`, each of eight files."""
    objects = {
        f"flowers/set/{name}/{number}.jpg": f"{name} {number}".encode()
        for name in ("rose", "tulip é+ &?[1]*")
        for number in range(8)
    }
    with serve(Buckets(objects)) as buckets:
        set_environment(buckets, monkeypatch)
        yield buckets


def load(spec: str):
    return list_dataset(spec, Reporter())


@every_scheme
def test_a_folder_of_class_folders_is_downloaded(scheme, buckets: Buckets):
    buckets.objects["flowers/set/.DS_Store"] = b"hidden"
    buckets.objects["flowers/set/rose/Thumbs.db"] = b"hidden"
    buckets.objects["flowers/set/rose/"] = b""  # what a console makes a folder of
    buckets.objects["flowers/set2/rose/0.jpg"] = b"another set"
    dataset = load(f"{scheme}://flowers/set")
    assert (dataset.name, dataset.shuffled) == ("set", False)
    assert dataset.class_names == ("rose", "tulip é+ &?[1]*")
    assert set(dataset.hidden) == {".DS_Store", "rose/Thumbs.db"}
    found = {
        f"flowers/set/{example.id}": example.read() for example in dataset.examples
    }
    there = {
        name: content for name, content in buckets.objects.items() if "jpg" in name
    }
    del there["flowers/set2/rose/0.jpg"]
    assert found == there
    assert [example.label for example in dataset.examples] == [0] * 8 + [1] * 8
    assert {example.split for example in dataset.examples} == {None}
    assert len(buckets.read) == 16


@amazon
def test_splits_are_respected(scheme, buckets: Buckets):
    buckets.objects = {
        f"flowers/{split}/{name}/1.jpg": b"1"
        for split in ("train", "val", "test")
        for name in ("rose", "tulip")
    }
    dataset = load(f"{scheme}://flowers/")
    assert dataset.name == "flowers"
    assert {example.id: example.split for example in dataset.examples} == {
        f"{split}/{name}/1.jpg": part
        for split, part in [("train", "train"), ("val", "validation"), ("test", "test")]
        for name in ("rose", "tulip")
    }


@every_scheme
def test_images_are_downloaded_once(scheme, buckets: Buckets):
    first = load(f"{scheme}://flowers/set")
    buckets.read.clear()
    assert load(f"{scheme}://flowers/set/") == first
    assert buckets.read == []


@every_scheme
def test_changed_images_are_downloaded_again(
    scheme, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cloud, "CHUNK_IMAGES", 1)
    load(f"{scheme}://flowers/set")
    buckets.read.clear()
    buckets.objects["flowers/set/rose/3.jpg"] = b"ROSE 3"  # as long as before
    buckets.objects["flowers/set/rose/9.jpg"] = b"another"
    del buckets.objects["flowers/set/rose/0.jpg"]
    dataset = load(f"{scheme}://flowers/set")
    assert sorted(buckets.read) == ["flowers/set/rose/3.jpg", "flowers/set/rose/9.jpg"]
    found = {example.id: example.read() for example in dataset.examples}
    assert len(found) == 16
    assert (found["rose/3.jpg"], found["rose/9.jpg"]) == (b"ROSE 3", b"another")


def test_most_chunks_stay_when_images_are_added_or_removed():
    def chunks(numbers):
        objects = [
            cloud._Object(PlacedFile(str(n), str(n), 0, None), f"b/{n:05}", 1, "")
            for n in numbers
        ]
        return {
            tuple(object.path for object in chunk) for chunk in cloud._chunks(objects)
        }

    whole = chunks(range(20_000))
    assert 20 < len(whole) < 80
    assert sum(map(len, whole)) == 20_000
    left = chunks(np.delete(np.arange(20_000), 7_000))
    assert len(whole & left) >= len(whole) - 2


@amazon
def test_an_aborted_download_is_resumed(
    scheme, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cloud, "CHUNK_IMAGES", 1)
    last = "flowers/set/tulip é+ &?[1]*/7.jpg"
    buckets.status[last] = 403
    expected = r"^s3://flowers/set/tulip .*/7\.jpg may not be read: .*FSSPEC_S3_ANON"
    with pytest.raises(DataError, match=expected):
        load(f"{scheme}://flowers/set")
    buckets.status.clear()
    buckets.read.clear()
    assert len(load(f"{scheme}://flowers/set").examples) == 16
    assert buckets.read == [last]


@every_scheme
def test_images_that_change_during_the_download_are_not_kept(scheme, buckets: Buckets):
    name = "flowers/set/rose/3.jpg"
    buckets.cut.add(name)
    expected = rf"^{scheme}://{name} has 5 bytes, and had 6 when it was listed\. Try ag"
    with pytest.raises(RunError, match=expected):
        load(f"{scheme}://flowers/set")
    buckets.cut.clear()
    assert load(f"{scheme}://flowers/set").examples[3].read() == b"rose 3"


@amazon
def test_images_over_the_limit_are_not_downloaded(
    scheme, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cloud, "MAX_BYTES", 100)
    name = "flowers/set/rose/3.jpg"
    buckets.objects[name] = bytes(101)
    examples = load(f"{scheme}://flowers/set").examples
    with pytest.raises(DataError, match=r"^too large: over 512 MiB"):
        examples[3].read()
    assert examples[4].read() == b"rose 4"
    assert name not in buckets.read


@amazon
def test_images_are_downloaded_in_small_batches(
    scheme, buckets: Buckets, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cloud, "BATCH_BYTES", 20)
    monkeypatch.setattr(cloud, "BATCH_IMAGES", 3)
    asked: list[int] = []
    contents = cloud._contents

    def count(bucket, paths):
        asked.append(len(paths))
        return contents(bucket, paths)

    monkeypatch.setattr(cloud, "_contents", count)
    assert len(load(f"{scheme}://flowers/set").examples) == 16
    assert asked == [3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1]  # of 6 bytes, and of 18


@amazon
def test_too_little_disk_space_is_an_error_before_downloading(
    scheme, buckets: Buckets, monkeypatch
):
    disk = type("Usage", (), {"free": 100})
    monkeypatch.setattr("shutil.disk_usage", lambda path: disk)
    with pytest.raises(RunError, match=r"the images take 192 B, and .* for 100 B"):
        load(f"{scheme}://flowers/set")
    assert buckets.read == []


@every_scheme
@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("nothing/set", "does not exist: no such bucket, or no such file in it"),
        ("flowers/nothing", "holds no files, or there is no such folder"),
        ("flowers/set/rose/0.jpg", "is a file; expected a folder of class folders"),
        ("flowers/set/rose", "holds no images in class folders"),
    ],
)
def test_a_missing_folder_is_an_error(scheme, folder, reason, buckets: Buckets):
    with pytest.raises(DataError, match=rf"^{scheme}://{folder} {reason}"):
        load(f"{scheme}://{folder}")


@every_scheme
def test_a_forbidden_bucket_is_named(scheme, buckets: Buckets):
    buckets.status["flowers"] = 403
    with pytest.raises(DataError, match=r"flowers/set may not be read: .*credentials"):
        load(f"{scheme}://flowers/set")


@amazon
def test_missing_credentials_are_named(scheme, buckets: Buckets, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    expected = r"cannot be read without credentials\. .*FSSPEC_S3_ANON=true"
    with pytest.raises(DataError, match=expected):
        load("s3://flowers/set")


@amazon
def test_an_unreachable_network_is_an_error(scheme, buckets: Buckets, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(
        RunError, match=r"^s3://flowers/set could not be read: Could not"
    ):
        load("s3://flowers/set")


@pytest.mark.parametrize("spec", ["s3://", "gs:///"])
def test_an_address_without_a_bucket_is_refused(spec):
    with pytest.raises(ConfigError, match=r"names no bucket; expected .*://BUCKET/FOL"):
        find_source(spec)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("cnnxfer.data.sources.extras.find_spec", lambda package: None)
    expected = r"cannot be read without gcsfs\. Install: pip install 'cnnxfer\[cloud\]'"
    with pytest.raises(ConfigError, match=expected):
        find_source("gs://flowers/set")
