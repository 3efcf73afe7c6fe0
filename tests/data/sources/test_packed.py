"""Tests that copies of images are complete, and made anew if damaged."""

import errno
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from cnnxfer.data.sources import packed as source
from cnnxfer.data.sources.packed import (
    copy_dir,
    ensure_copy,
    read_copy,
    require_lasting,
)
from cnnxfer.errors import DataError, RunError
from cnnxfer.reporting import Reporter

IMAGES = {"a/1.jpg": b"first", "b/2.jpg": b"", "b/3.jpg": b"the third"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))


def fill(pack):
    for label, (id, content) in enumerate(IMAGES.items()):
        pack.add(id, content, (label, 7), "test" if label else None)
    pack.add_unreadable("c/4.jpg", "encrypted", (3,))
    return {"class_names": ["ä", "b"]}


def refill(pack):
    raise AssertionError("filled again")


def test_copied_images_can_be_read_back():
    copy = ensure_copy(copy_dir("kind", "my set", 1), fill, Reporter())
    assert copy.about == {"class_names": ["ä", "b"]}
    *sound, broken = copy.examples
    assert {example.id: example.read() for example in sound} == IMAGES
    assert [example.labels for example in sound] == [(0, 7), (1, 7), (2, 7)]
    assert [example.split for example in sound] == [None, "test", "test"]
    assert (broken.id, broken.labels) == ("c/4.jpg", (3,))
    with pytest.raises(DataError, match=r"^encrypted$"):
        broken.read()


def test_images_are_copied_once():
    directory = copy_dir("kind", "my set", 1)
    assert (
        ensure_copy(directory, fill, Reporter())
        == ensure_copy(directory, refill, Reporter())
        == read_copy(directory)
    )


def test_each_kind_and_key_has_its_own_copy():
    directory = copy_dir("kind", "my set", ["path", 1, 2])
    assert directory == copy_dir("kind", "my set", ["path", 1, 2])
    assert directory != copy_dir("kind", "my set", ["path", 1, 3])
    assert directory != copy_dir("other", "my set", ["path", 1, 2])


@pytest.mark.parametrize("name", ["../../x", "a/b\n", "", "...", "x" * 999, "日本"])
def test_no_name_leads_out_of_the_cache(name, tmp_path: Path):
    directory = copy_dir("kind", name, 1)
    assert directory.parent == tmp_path / "cache" / "copies" / "kind"
    assert len(ensure_copy(directory, fill, Reporter()).examples) == 4


def test_an_image_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(source, "MAX_BYTES", 8)
    copy = ensure_copy(copy_dir("kind", "my set", 1), fill, Reporter())
    with pytest.raises(DataError, match="too large: over 512 MiB"):
        copy.examples[2].read()
    assert copy.examples[0].read() == b"first"
    assert (copy.examples[0].path).stat().st_size == 5


def shorten(directory: Path) -> None:
    path = directory / "images.bin"
    times = path.stat()
    with path.open("r+b") as images:
        images.truncate(9)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def alter_image(directory: Path) -> None:
    with (directory / "images.bin").open("r+b") as images:
        images.write(b"F")
    os.utime(directory / "images.bin", (0, 0))


def alter_index(directory: Path) -> None:
    index = directory / "index.json"
    index.write_bytes(index.read_bytes().replace(b"a/1.jpg", b"a/9.jpg"))


def other_form(directory: Path) -> None:
    index = directory / "index.json"
    document = source.read_json_with_hash(index, dict)
    source.write_json_with_hash(index, {**document, "form": 0})


@pytest.mark.parametrize(
    "damage",
    [
        shorten,
        alter_image,
        alter_index,
        other_form,
        lambda directory: (directory / "images.bin").unlink(),
        lambda directory: (directory / "index.json").unlink(),
        lambda directory: (directory / "index.json").write_bytes(b""),
        lambda directory: source.write_json_with_hash(directory / "index.json", [1]),
        lambda directory: directory.chmod(0o775),
        lambda directory: (directory / "images.bin").chmod(0o666),
        lambda directory: (directory / "index.json").chmod(0o666),
        shutil.rmtree,
    ],
)
def test_a_damaged_copy_is_made_again(damage):
    directory = copy_dir("kind", "my set", 1)
    whole = ensure_copy(directory, fill, Reporter())
    damage(directory)
    assert read_copy(directory) is None
    assert ensure_copy(directory, fill, Reporter()) == whole
    assert [example.read() for example in whole.examples[:3]] == list(IMAGES.values())


def test_a_cache_that_was_moved_is_read(tmp_path: Path, monkeypatch):
    ensure_copy(copy_dir("kind", "my set", 1), fill, Reporter())
    shutil.copytree(
        tmp_path / "cache", tmp_path / "moved", copy_function=shutil.copyfile
    )
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "moved"))
    copy = ensure_copy(copy_dir("kind", "my set", 1), refill, Reporter())
    assert copy.examples[0].path.is_relative_to(tmp_path / "moved")
    assert copy.examples[0].read() == b"first"


def test_a_failed_copy_leaves_no_file(tmp_path: Path):
    def fail(pack):
        fill(pack)
        raise DataError("the archive is damaged")

    directory = copy_dir("kind", "my set", 1)
    with pytest.raises(DataError, match="the archive is damaged"):
        ensure_copy(directory, fail, Reporter())
    assert not list((tmp_path / "cache").rglob("*.bin"))
    assert len(ensure_copy(directory, fill, Reporter()).examples) == 4


def test_too_little_disk_space_is_an_error_before_reading():
    with pytest.raises(RunError, match=r"^the images take 1000000\.0 TB, and .*cache "):
        ensure_copy(
            copy_dir("kind", "my set", 1), refill, Reporter(), size_bytes=10**18
        )


def test_the_error_names_a_disk_that_is_full():
    def fail(pack):
        raise OSError(28, "No space left on device")

    with pytest.raises(
        RunError, match=r"kind/my-set-\w+ cannot be written: no space left on device\. "
    ):
        ensure_copy(copy_dir("kind", "my set", 1), fail, Reporter())


FILL_SLOWLY = """
import json, time
from cnnxfer.data.sources.packed import copy_dir, ensure_copy
from cnnxfer.reporting import Reporter
def fill(pack):
    time.sleep(0.3)
    pack.add("a", b"content")
    return "filled by " + str(time.monotonic_ns())
print(json.dumps(ensure_copy(copy_dir("kind", "my set", 1), fill, Reporter()).about))
"""


def test_two_processes_make_one_copy(tmp_path: Path):
    directory = copy_dir("kind", "my set", 1)
    directory.mkdir(parents=True)
    (directory / "index.json").touch()  # damaged: both find it so
    processes = [
        subprocess.Popen([sys.executable, "-c", FILL_SLOWLY], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    first, second = (json.loads(process.communicate()[0]) for process in processes)
    assert first == second


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (MemoryError(), "too little memory"),
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
        (PermissionError(errno.EACCES, "Permission denied"), "permission denied"),
        (zlib.error("invalid block type"), ""),
        (OSError("Invalid data stream"), ""),  # of bz2
        (FileNotFoundError(errno.ENOENT, "No such file"), ""),
        (None, ""),
    ],
)
def test_no_copy_remembers_what_may_pass(cause: Exception | None, reason: str):
    error = DataError("it failed")
    error.__cause__ = cause
    if not reason:
        require_lasting(error, "a.jpg")
        return
    with pytest.raises(RunError, match=rf"^a\.jpg cannot be read now: {reason}\. "):
        require_lasting(error, "a.jpg")
