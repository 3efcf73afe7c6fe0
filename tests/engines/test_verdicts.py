from collections.abc import Callable
from pathlib import Path

import pytest

from cnnxfer.engines import verdicts
from cnnxfer.engines.agreement import Verdict
from cnnxfer.engines.verdicts import TrialRecord, read_record, save_record
from cnnxfer.hardware.processor import Processor

REFUSED = TrialRecord(Verdict(False, "differs by 0.2"), pictures=32)
PASSED = TrialRecord(Verdict(True, "differs by 0.1"), pictures=1, batch_size=4)


def test_a_verdict_is_kept_for_its_precision(tmp_path: Path) -> None:
    save_record(tmp_path, "bfloat16", REFUSED)
    assert read_record(tmp_path, "bfloat16") == REFUSED
    assert read_record(tmp_path, "float32") is None
    save_record(tmp_path, "float32", PASSED)
    assert read_record(tmp_path, "float32") == PASSED
    assert read_record(tmp_path, "bfloat16") == REFUSED


def test_a_verdict_counts_for_one_processor_and_version_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_record(tmp_path, "bfloat16", REFUSED)
    with monkeypatch.context() as patch:
        patch.setattr(verdicts, "VERSION", 99)
        assert read_record(tmp_path, "bfloat16") is None
    other = Processor(model="another", features=("amx_bf16",))
    monkeypatch.setattr(verdicts, "find_processor", lambda: other)
    assert read_record(tmp_path, "bfloat16") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text.replace("false", "true"),
        lambda text: text.partition("\n")[2],
    ],
    ids=["empty", "cut short", "another verdict", "without its hash"],
)
def test_a_damaged_record_is_ignored(
    tmp_path: Path, damage: Callable[[str], str]
) -> None:
    save_record(tmp_path, "bfloat16", REFUSED)
    (record,) = tmp_path.iterdir()
    record.write_text(damage(record.read_text()))
    assert read_record(tmp_path, "bfloat16") is None


def test_a_verdict_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    save_record(tmp_path / "gone", "bfloat16", REFUSED)
    assert read_record(tmp_path / "gone", "bfloat16") is None
