from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.errors import RunError
from cnnxfer.files import file_hash, write_json_with_hash
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop import checkpoint
from cnnxfer.training.loop.checkpoint import (
    checkpoint_at,
    read_checkpoint,
    restore,
    save_checkpoint,
)
from cnnxfer.training.loop.progress import Progress

BEST = Score(
    {"accuracy": 0.75, "mean-average-precision": 0.8},
    loss=0.5,
    epoch=2,
    monitor="mean-average-precision",
    thresholds={"a": 0.5, "b": 0.25},
    temperature=1.25,
    calibrated_loss=0.4,
)
PROGRESS = Progress(
    phase="fine_tune",
    stage=1,
    first_epoch=2,
    epochs=8,
    steps_per_epoch=10,
    batch_size=32,
    accumulate=2,
    peak=0.1,
    scale=1 / 3,
    epoch=3,
    step=7,
    loss_sum=0.1 + 0.2,
    before=replace(BEST, thresholds={}, temperature=None),
    kept=BEST,
    rates={"waited": 1},
    watch={"recent": [0.1, 1 / 3]},
)


def values(offset: float) -> dict[str, np.ndarray]:
    return {name: np.array(each) for name, each in variables(offset).items()}


def variables(offset: float) -> dict[str, keras.Variable]:
    return {
        "model/conv/kernel": keras.Variable(np.full((2, 3), offset, np.float32)),
        "optimizer/iteration": keras.Variable(3, dtype="int64"),
    }


def save(directory: Path, step: int, **options: int) -> int:
    return save_checkpoint(
        directory, replace(PROGRESS, step=step), values(step), **options
    )


def steps_of(directory: Path) -> list[int]:
    """Returns the steps of complete checkpoints, in the order of their numbers."""
    found = [checkpoint_at(directory, number) for number in range(1, 9)]
    return [each.progress.step for each in found if each]


def test_what_is_saved_is_restored(tmp_path: Path) -> None:
    assert save_checkpoint(tmp_path / "new", PROGRESS, values(0.1)) == 1
    found = read_checkpoint(tmp_path / "new")
    assert found
    assert found.progress == PROGRESS
    assert found.number == 1
    others = variables(9.0)
    others["optimizer/iteration"].assign(0)
    restore(found.arrays(), others)
    np.testing.assert_array_equal(
        others["model/conv/kernel"], np.full((2, 3), 0.1, np.float32)
    )
    assert int(others["optimizer/iteration"]) == 3


def test_there_is_no_checkpoint_before_the_first(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "checkpoints") is None


def test_the_last_two_checkpoints_are_kept(tmp_path: Path) -> None:
    for step in range(1, 5):
        save(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "000003.json",
        "000003.npz",
        "000004.json",
        "000004.npz",
    ]


def test_a_third_is_kept_as_long_as_asked(tmp_path: Path) -> None:
    for step in range(1, 6):
        save(tmp_path, step, also_keep=2)
    assert steps_of(tmp_path) == [2, 4, 5]
    save(tmp_path, 6)
    assert steps_of(tmp_path) == [5, 6]


@pytest.mark.parametrize("place", ["write_json_with_hash", "file_hash", "np.savez"])
def test_a_kill_while_writing_leaves_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for count in (0, 1, 2):  # that were written before
        directory = tmp_path / str(count)
        for step in range(1, count + 1):
            save(directory, step)
        with monkeypatch.context() as patch:
            patch.setattr(f"cnnxfer.training.loop.checkpoint.{place}", die)
            with pytest.raises(KeyboardInterrupt):
                save(directory, 9)
        found = read_checkpoint(directory)
        assert (found.progress.step if found else 0) == count
        save(directory, 10)
        assert steps_of(directory) == ([count, 10] if count else [10])


def tear(path: Path, how: str) -> None:
    if how == "gone":
        path.unlink()
    elif how == "short":
        with path.open("r+b") as stream:
            stream.truncate(path.stat().st_size - 1)
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("suffix", ["npz", "json"])
@pytest.mark.parametrize("how", ["gone", "short", "changed"])
def test_the_previous_checkpoint_replaces_a_damaged_one(
    tmp_path: Path, suffix: str, how: str
) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    tear(tmp_path / f"000002.{suffix}", how)
    reporter = RecordingReporter()
    found = read_checkpoint(tmp_path, reporter)
    assert found
    assert found.progress.step == 1
    assert found.arrays()["model/conv/kernel"][0, 0] == 1
    assert reporter.warnings == [
        f"the last checkpoint, {tmp_path}/000002.npz, is damaged or incomplete. The "
        "one before it is used."
    ]
    tear(tmp_path / f"000001.{suffix}", how)
    with pytest.raises(RunError) as caught:
        read_checkpoint(tmp_path, reporter)
    assert str(caught.value) == (
        f"the checkpoints in {tmp_path} are damaged. Remove them to train this phase "
        f"again from its start: rm -r {tmp_path}"
    )


def test_a_complete_checkpoint_is_read_without_a_warning(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    reporter = RecordingReporter()
    found = read_checkpoint(tmp_path, reporter)
    assert found
    assert (found.progress.step, reporter.warnings) == (2, [])


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        save_checkpoint(tmp_path, PROGRESS, {"a": np.array([{}])})
    save(tmp_path, 1)
    path = tmp_path / "000001.npz"
    np.savez(path, a=np.array([{}]))
    manifest = {
        "sha256": checkpoint.file_hash(path),
        "progress": asdict(PROGRESS),
    }
    checkpoint.write_json_with_hash(tmp_path / "000001.json", manifest)
    found = read_checkpoint(tmp_path)
    assert found
    with pytest.raises(ValueError, match="allow_pickle=False"):
        found.arrays()


def test_another_network_is_not_restored(tmp_path: Path) -> None:
    save(tmp_path, 1)
    found = read_checkpoint(tmp_path)
    assert found
    others = variables(1)
    others["model/dense/bias"] = others.pop("model/conv/kernel")
    with pytest.raises(RunError) as caught:
        restore(found.arrays(), others)
    assert str(caught.value) == (
        "the checkpoint does not fit the network: they differ in model/conv/kernel and "
        "1 more. Train a new run."
    )


def test_compressed_arrays_are_not_read(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    path = tmp_path / "000002.npz"
    with path.open("wb") as stream:
        np.savez_compressed(stream, bomb=np.zeros(100_000))
    first = checkpoint_at(tmp_path, 1)
    assert first
    manifest = {"sha256": file_hash(path), "progress": asdict(first.progress)}
    write_json_with_hash(path.with_suffix(".json"), manifest)
    assert steps_of(tmp_path) == [1]
