import errno
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.config import Config
from cnnxfer.errors import RunError
from cnnxfer.files import file_hash
from cnnxfer.runs import Run, SplitRow
from cnnxfer.runs.run import KNOWN_ANSWERS

Make = Callable[..., Run]
STRANGE = 'a, "b"\r\n[c]'


def test_what_is_written_is_read_back(make: Make) -> None:
    run = make("a")
    rows = [
        SplitRow(STRANGE, "tulips", "train", "00"),
        SplitRow("b.jpg", STRANGE, "test", "01"),
    ]
    run.write_classes(["tulips", STRANGE, "caf\udce9"])
    run.write_split(rows)
    assert run.class_names == ("tulips", STRANGE, "caf\udce9")
    assert run.split == rows
    assert run.config == Config()
    assert run.history == []
    assert run.metrics == {}
    assert run.thresholds == {}
    assert run.parent is None


def test_any_name_of_a_file_is_read_back(make: Make) -> None:
    names = ["a\rb.jpg", "a\nb.jpg", "a\r\nb.jpg", 'a, "b".jpg', "\x1b\x85\u2028.jpg"]
    rows = [SplitRow(name, name, "train", "00") for name in names]
    run = make("a")
    run.write_classes(names)
    run.write_split(rows)
    assert run.split == rows


def test_known_answers_are_those_of_the_model(make: Make) -> None:
    run, other = make("a"), make("b")
    run.model_path.write_bytes(b"weights")
    answers = np.ones((4, 2), np.float32)
    run.keep_known_answers(answers)
    digest = file_hash(run.model_path)
    np.testing.assert_array_equal(run.known_answers(digest), answers)
    assert run.known_answers("0" * 64) is None
    other.copy_model(run)
    np.testing.assert_array_equal(other.known_answers(digest), answers)
    for damage in (b"", b"PK\x03\x04", b"\x93NUMPY"):
        (run.path / KNOWN_ANSWERS).write_bytes(damage)
        assert run.known_answers(digest) is None


def test_what_is_fitted_goes_with_the_model(make: Make) -> None:
    run = make("a")
    run.write_classes(["b", STRANGE])
    run.write_fitted({"b": 0.5, STRANGE: 0.123456}, 1.25)
    assert run.thresholds == {"b": 0.5, STRANGE: 0.123456}
    assert run.temperature == 1.25
    run.model_path.write_bytes(b"weights")
    child = make("child")
    child.write_classes(["b", STRANGE])
    child.copy_model(run)
    assert (child.thresholds, child.temperature) == (run.thresholds, 1.25)
    assert child.model_path.read_bytes() == b"weights"
    (run.path / "thresholds.json").unlink()
    run.write_fitted({})  # of a model that has no temperature
    child.copy_model(run)
    assert child.temperature is run.temperature is None
    other = make("other")
    other.copy_model(run)
    assert not (other.path / "thresholds.json").exists()


def test_metrics_and_receipt_keep_their_other_entries(make: Make) -> None:
    run = make("b")
    run.update_metrics(frozen={"val_accuracy": 0.5})
    run.update_metrics(before={"epoch": 0})
    run.update_receipt(parent="a")
    assert run.metrics == {"frozen": {"val_accuracy": 0.5}, "before": {"epoch": 0}}
    assert run.receipt == {"started": "2026-11-22T10:00:00+00:00", "parent": "a"}
    assert run.parent == Run(run.path.with_name("a"))


def test_a_run_that_names_no_phase_is_refused(make: Make) -> None:
    run = make("a")
    with pytest.raises(RunError, match=r"names no phase.* Train a new run\.$"):
        _ = run.phase
    run.update_receipt(phase="frozen")
    assert run.phase == "frozen"


def test_an_epoch_trained_again_replaces_itself_and_later_ones(make: Make) -> None:
    run = make("a")
    for epoch, loss in ((1, "0.9"), (2, "0.8"), (3, "0.7"), (2, "0.6")):
        run.add_history({"phase": "frozen", "epoch": epoch, "loss": loss})
    assert [(row["epoch"], row["loss"]) for row in run.history] == [
        (1, 0.9),
        (2, 0.6),
    ]
    run.add_history({"phase": "frozen", "epoch": 3, "loss": ""})
    assert run.history[-1] == {"phase": "frozen", "epoch": 3, "loss": None}
    text = (run.path / "history.csv").read_text()
    assert text.splitlines() == [
        "phase,epoch,loss",
        "frozen,1,0.9",
        "frozen,2,0.6",
        "frozen,3,",
    ]


@pytest.mark.parametrize(
    ("file", "content", "read"),
    [
        ("receipt.json", "{", "receipt"),
        ("receipt.json", "[]", "receipt"),
        ("receipt.json", None, "receipt"),
        ("metrics.json", "3", "metrics"),
        ("classes.json", '{"a": 1}', "class_names"),
        ("classes.json", b"\xff\xfe", "class_names"),
        ("thresholds.json", "[0.5]", "thresholds"),
        ("thresholds.json", '{"a": "0.5"}', "thresholds"),
        ("thresholds.json", '{"b": 0.5}', "thresholds"),
        ("temperature.json", "1.5", "temperature"),
        ("split.csv", "", "split"),
        ("split.csv", "id,label\na,b\n", "split"),
        ("split.csv", None, "split"),
        ("history.csv", "a,b\n1,2\n", "history"),
        ("config.toml", None, "config"),
    ],
)
def test_damage_is_named(
    make: Make, file: str, content: str | bytes | None, read: str
) -> None:
    run = make("a")
    run.write_classes(["a"])
    (run.path / file).unlink(missing_ok=True)
    if content is not None:
        data = content.encode() if isinstance(content, str) else content
        (run.path / file).write_bytes(data)
    with pytest.raises(RunError) as caught:
        getattr(run, read)
    assert file in str(caught.value)
    assert str(run.path) in str(caught.value)


def test_a_run_without_a_model_says_how_to_go_on(make: Make) -> None:
    run = make("a")
    with pytest.raises(RunError, match=r"no trained model yet\. .*cnnxfer.resume"):
        run.require_model()
    run.model_path.touch()
    assert run.require_model() == run.path / "model.keras"


def test_a_run_that_is_gone_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the run .*lost is gone\."):
        Run(tmp_path / "lost").require_model()


def test_json_is_for_people_too(make: Make) -> None:
    run = make("a")
    run.write_classes(["Gänseblümchen"])
    text = (run.path / "classes.json").read_text(encoding="utf-8")
    assert "Gänseblümchen" in text
    assert json.loads(text) == ["Gänseblümchen"]


def test_none_removes_an_entry_of_the_metrics(make: Make) -> None:
    run = make("a")
    run.update_metrics(frozen={"epoch": 1}, before={"epoch": 0})
    run.update_metrics(before=None, validation=None)
    assert run.metrics == {"frozen": {"epoch": 1}}


def test_no_update_of_the_metrics_is_lost(make: Make) -> None:
    run = make("a")

    def update(writer: int) -> None:
        for number in range(10):
            run.update_metrics(**{f"{writer}-{number}": number})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(update, range(4)))
    assert len(run.metrics) == 40


WRITES: dict[str, Callable[[Run], None]] = {
    "config.toml": lambda run: run.write_config(Config(seed=1)),
    "classes.json": lambda run: run.write_classes(["b"]),
    "split.csv": lambda run: run.write_split([SplitRow("b", "b", "test", "01")]),
    "thresholds.json": lambda run: run.write_fitted({"a": 0.25}),
    "temperature.json": lambda run: run.write_fitted({}, 1.25),
    "metrics.json": lambda run: run.update_metrics(test=1),
    "receipt.json": lambda run: run.update_receipt(status="done"),
    "history.csv": lambda run: run.add_history({"phase": "frozen", "epoch": 2}),
    "model.keras": lambda run: run.copy_model(Run(run.path.with_name("other"))),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(
    ("call", "number", "reason"),
    [
        ("fsync", errno.ENOSPC, r"no space left on device\. Make room, then go on"),
        ("replace", errno.EROFS, r"read-only file system\. Make it writable, then"),
    ],
)
def test_what_cannot_be_written_leaves_the_run_as_it_was(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    call: str,
    number: int,
    reason: str,
) -> None:
    run, other = make("a [1]"), make("other")
    run.write_classes(["a"])
    run.write_split([SplitRow("a", "a", "train", "00")])
    run.write_fitted({"a": 0.5})
    run.update_metrics(frozen={})
    run.add_history({"phase": "frozen", "epoch": 1})
    for written in (run, other):
        written.model_path.write_bytes(b"weights of " + written.name.encode())
    before = contents(run)

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(RunError, match=reason) as caught:
        WRITES[name](run)
    assert str(caught.value).startswith(f"{run.path / name} cannot be written: ")
    assert str(caught.value).endswith(f"on with: cnnxfer.resume('{run.path}')")
    assert contents(run) == before


def contents(run: Run) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in run.path.iterdir()
        if path.name != ".updating.lock"
    }


def test_a_note_in_another_encoding_is_read_as_far_as_it_can_be(make: Make) -> None:
    run = make("a")
    (run.path / "note.txt").write_bytes("größer\n".encode("latin-1"))
    assert run.note == "gr\ufffd\ufffder"
