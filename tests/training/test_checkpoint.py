from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.errors import RunError
from cnnxfer.training.checkpoint import (
    STATE,
    read_checkpoint,
    restore,
    save_checkpoint,
)
from cnnxfer.training.score import Score

BEST = Score(
    accuracy=0.75,
    macro_f1=0.7,
    loss=0.5,
    epoch=2,
    monitor="mean-average-precision",
    mean_average_precision=0.8,
    thresholds=(0.5, 0.25),
)


def variables(offset: float) -> list[keras.Variable]:
    return [
        keras.Variable(np.full((2, 3), offset, np.float32)),
        keras.Variable(3, dtype="int64"),
    ]


def test_what_is_saved_is_restored(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "new", 2, BEST, variables(0.1))
    checkpoint = read_checkpoint(tmp_path / "new")
    assert checkpoint
    assert (checkpoint.epoch, checkpoint.best) == (2, BEST)
    others = variables(9.0)
    others[1].assign(0)
    restore(tmp_path / "new", checkpoint, others)
    np.testing.assert_array_equal(others[0], np.full((2, 3), 0.1, np.float32))
    assert int(others[1]) == 3


def test_there_is_none_before_the_first_epoch(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "checkpoints") is None


def test_only_the_last_epoch_stays(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        save_checkpoint(tmp_path, epoch, BEST, variables(epoch))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-0003.npz",
        STATE,
    ]


def test_a_death_between_the_two_writes_leaves_the_epoch_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnxfer.training import checkpoint

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    save_checkpoint(tmp_path, 1, BEST, variables(1))
    monkeypatch.setattr(checkpoint, "write_text", die)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, 2, BEST, variables(2))
    found = read_checkpoint(tmp_path)
    assert found
    assert found.epoch == 1


@pytest.mark.parametrize("name", ["epoch-0001.npz", STATE])
def test_a_torn_file_is_noticed(tmp_path: Path, name: str) -> None:
    save_checkpoint(tmp_path, 1, BEST, variables(1))
    with (tmp_path / name).open("r+b") as stream:
        stream.truncate(40)
    with pytest.raises(RunError) as caught:
        read_checkpoint(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / name} is torn or missing. Remove {tmp_path} to train this phase "
        "again from its start."
    )


def test_a_missing_file_is_noticed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, BEST, variables(1))
    (tmp_path / "epoch-0001.npz").unlink()
    with pytest.raises(RunError, match="is torn or missing"):
        read_checkpoint(tmp_path)
