"""The cache stays within its limit, also with several processes."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnxfer.cache import entry_problem
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.reporting import Reporter
from cnnxfer.training.activations import store as store_module
from cnnxfer.training.activations.entry import Writer
from cnnxfer.training.activations.store import ActivationStore

ONE, TWO = "1" * 64, "2" * 64
ROWS = np.arange(12, dtype="<f2").reshape(4, 3)


@pytest.fixture
def store(tmp_path: Path) -> ActivationStore:
    return ActivationStore(tmp_path / "activations", 100_000)


def key(network: str = ONE, **more: Any) -> dict[str, Any]:
    return {"network": network, **more}


def write(store: ActivationStore, key: dict[str, Any], *, age: float = 0) -> Path:
    """Writes `ROWS`, last used `age` seconds ago; returns the entry's directory."""
    with store.computing(key["network"], Reporter()):
        writer = store.writer(key, {}, len(ROWS), Reporter())
        append(writer, 0, 4)
    for file in writer.path.iterdir():
        os.utime(file, (time.time() - age,) * 2)
    return writer.path


def append(writer: Writer, start: int, stop: int) -> None:
    part = ROWS[start:stop]
    writer.append(part.tobytes(), rows=len(part), row_shape=(3,), exponent=1)


def test_what_was_written_is_found(store: ActivationStore) -> None:
    assert store.find(key(a=1)) is None
    write(store, key(a=1))
    found = store.find(key(a=1))
    assert found is not None
    assert found.shape == (4, 3)
    assert len(found) == 4
    np.testing.assert_array_equal(found[:], 2.0 * ROWS)
    np.testing.assert_array_equal(found[1:3], 2.0 * ROWS[1:3])
    chosen = found[np.array([3, 0, 3])]
    np.testing.assert_array_equal(chosen, 2.0 * ROWS[[3, 0, 3]])
    assert chosen.dtype == np.float32
    assert store.find(key(a=2)) is None
    assert store.find(key(TWO, a=1)) is None


@pytest.mark.parametrize("part", ["", "rows.float16", "manifest.json"])
def test_what_others_can_have_written_is_computed_again(
    store: ActivationStore, part: str
) -> None:
    before = os.umask(0o002)
    path = write(store, key())
    os.umask(before)
    assert {entry_problem(file) for file in (path, *path.iterdir())} == {""}
    (path / part).chmod(0o777)
    assert store.find(key()) is None
    writer = store.writer(key(), {}, len(ROWS), Reporter())
    assert writer.manifest.rows == 0
    append(writer, 0, 4)
    assert store.find(key()) is not None


def test_an_incomplete_entry_is_not_found(store: ActivationStore) -> None:
    writer = store.writer(key(), {}, 4, Reporter())
    append(writer, 0, 3)
    assert store.find(key()) is None
    writer = store.writer(key(), {}, 4, Reporter())
    assert writer.manifest.rows == 3
    append(writer, 3, 4)
    found = store.find(key())
    assert found is not None
    np.testing.assert_array_equal(found[:], 2.0 * ROWS)


def test_the_least_recently_used_entries_are_deleted(store: ActivationStore) -> None:
    paths = [write(store, key(n=n), age=100 * (5 - n)) for n in range(5)]
    assert store.find(key(n=0)) is not None  # which uses it
    size_bytes = store.entries()[0].size_bytes
    store.limit_bytes = 5 * size_bytes
    store.make_room(2 * size_bytes, keep=())
    assert [path.exists() for path in paths] == [True, False, False, True, True]
    store.make_room(2 * size_bytes, keep=())
    assert [path.exists() for path in paths] == [True, False, False, True, True]


def test_entries_to_keep_are_not_deleted(store: ActivationStore) -> None:
    paths = [write(store, key(n=n), age=100 * (3 - n)) for n in range(3)]
    store.limit_bytes = sum(entry.size_bytes for entry in store.entries())
    store.make_room(1, keep=[paths[0]])
    assert [path.exists() for path in paths] == [True, False, True]
    with pytest.raises(RunError) as caught:
        store.make_room(store.limit_bytes, keep=[paths[0]])
    assert "activations has no room for " in str(caught.value)
    assert "Set CNNXFER_CACHE_LIMIT (such as 50GB)" in str(caught.value)


def test_entries_are_deleted_if_the_disk_is_full(
    store: ActivationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(store, key())

    def free(store: ActivationStore) -> int:
        return 10 if path.exists() else 20_000

    monkeypatch.setattr(ActivationStore, "_free", free)
    assert store.fits(10)
    assert not store.fits(20_000)
    store.make_room(10, keep=())
    assert path.exists()
    store.make_room(11, keep=())
    assert not path.exists()
    with pytest.raises(RunError, match=r"the disk has 20\.0 kB free"):
        store.make_room(20_001, keep=())


def test_entries_in_use_are_deleted_last(store: ActivationStore) -> None:
    old, new = write(store, key(n=0)), write(store, key(n=1))
    used = store.find(key(n=0))
    assert used is not None
    for file in old.iterdir():
        os.utime(file, (0, 0))
    store.limit_bytes = sum(entry.size_bytes for entry in store.entries())
    store.make_room(1, keep=())
    assert old.exists()
    assert not new.exists()
    store.make_room(store.limit_bytes, keep=())
    assert not old.exists()
    np.testing.assert_array_equal(used[:], 2.0 * ROWS)  # it reads on
    del used


def test_entries_no_longer_in_use_are_deleted_in_turn(store: ActivationStore) -> None:
    old, new = write(store, key(n=0)), write(store, key(n=1))
    used = store.find(key(n=0))
    del used
    for file in old.iterdir():
        os.utime(file, (0, 0))
    store.limit_bytes = sum(entry.size_bytes for entry in store.entries())
    store.make_room(1, keep=())
    assert not old.exists()
    assert new.exists()


def test_entries_that_another_process_writes_stay(store: ActivationStore) -> None:
    path, other_path = write(store, key(ONE)), write(store, key(TWO))
    other = ActivationStore(store.root, store.limit_bytes)
    with other.computing(ONE, Reporter()):
        assert store.clear() > 0
        assert path.exists()
        assert not other_path.exists()
        # Who computes for the network may delete what it has from before.
        assert other.clear() > 0
        assert not path.exists()


def test_clear_deletes_only_entries(store: ActivationStore) -> None:
    path, stranger = write(store, key(ONE)), write(store, key(TWO))
    foreign = [
        store.root / "notes.txt",
        store.root / "photos" / "roses" / "manifest.json",
        store.root / ONE / "notes.txt",
        stranger / "notes.txt",
    ]
    for file in foreign:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    write(store, key(ONE))
    assert store.clear() > 0
    assert not path.exists()
    assert [file.read_text() for file in foreign] == ["mine"] * 4
    assert not (stranger / "rows.float16").exists()


def test_files_of_a_killed_process_are_cleared(store: ActivationStore) -> None:
    path = write(store, key())
    (path / ".tmp-abc-manifest.json").write_text("{")
    (path / "manifest.json").write_text("{")
    (entry,) = store.entries()
    assert entry.manifest is None
    assert store.clear() == entry.size_bytes
    assert not path.parent.exists()


def test_a_full_disk_while_writing(
    store: ActivationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = store.writer(key(), {}, 4, Reporter())
    append(writer, 0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(RunError) as caught:
            append(writer, 1, 3)
    assert str(caught.value).startswith(f"the disk of {writer.path} is full.")
    assert "cnnxfer cache clear" in str(caught.value)
    writer = store.writer(key(), {}, 4, Reporter())
    assert writer.manifest.rows == 1
    append(writer, 1, 4)
    found = store.find(key())
    assert found is not None
    np.testing.assert_array_equal(found[:], 2.0 * ROWS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("20GB", 20 * 10**9), ("1.5 tb", 15 * 10**11), ("700M", 7 * 10**8), ("12", 12)],
)
def test_the_limit_is_a_size(
    text: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", text)
    assert ActivationStore().limit_bytes == expected


@pytest.mark.parametrize("text", ["much", "-1", "20 gallons", "GB", "1e9"])
def test_a_limit_that_is_not_a_size(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", text)
    with pytest.raises(ConfigError) as caught:
        ActivationStore()
    assert str(caught.value) == (
        f"CNNXFER_CACHE_LIMIT is {text!r}; expected a size such as 20GB or 500MB."
    )


def test_the_default_limit_is_half_of_the_space_without_the_cache(
    store: ActivationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CNNXFER_CACHE_LIMIT", raising=False)
    write(store, key())
    used = store.entries()[0].size_bytes
    monkeypatch.setattr(ActivationStore, "_free", lambda store: 1000 - used)
    assert ActivationStore(store.root).limit_bytes == 500
    monkeypatch.setattr(ActivationStore, "_free", lambda store: 10**15)
    default = store_module.DEFAULT_LIMIT_BYTES
    assert ActivationStore(store.root).limit_bytes == default
    assert store.fits(store.limit_bytes)
    assert not store.fits(store.limit_bytes + 1)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="reads /proc")
def test_rows_that_were_read_take_no_memory(tmp_path: Path) -> None:
    store = ActivationStore(tmp_path, 10**9)
    writer = store.writer(key(), {}, 1000, Reporter())
    rows = np.ones((1000, 8192), "<f2")
    writer.append(rows.tobytes(), rows=1000, row_shape=(8192,), exponent=0)
    found = store.find(key())
    assert found is not None
    for start in range(0, 1000, 50):
        assert found[start : start + 50].all()
    mapped = Path("/proc/self/smaps").read_text().split(str(writer.path))[1]
    (resident,) = [line for line in mapped.splitlines() if line.startswith("Rss:")][:1]
    assert int(resident.split()[1]) == 0


def test_a_second_process_waits(store: ActivationStore) -> None:
    script = (
        "import sys, pathlib; from cnnxfer.training.activations.store import *\n"
        "class Loud(Reporter):\n"
        "    def info(self, message): print(message, flush=True)\n"
        f"store = ActivationStore(pathlib.Path({str(store.root)!r}), 10**6)\n"
        f"with store.computing({ONE!r}, Loud()): print('mine', flush=True)\n"
    )
    with store.computing(ONE, Reporter()):
        second = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        )
        assert second.stdout
        waiting = second.stdout.readline()
        assert waiting == "waiting for another process that computes the same\n"
        assert second.poll() is None
    assert second.communicate(timeout=60)[0] == "mine\n"
