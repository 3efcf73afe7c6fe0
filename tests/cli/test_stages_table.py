import pytest
from rich.console import Console

from cnnxfer.cli.stages_table import stages_table
from cnnxfer.training.phases.plan import GroupRow, StageRow


def shown(rows: list[StageRow], capsys: pytest.CaptureFixture[str]) -> list[str]:
    Console(width=120).print(stages_table(rows))
    lines = (" ".join(line.split()) for line in capsys.readouterr().out.splitlines())
    return [line for line in lines if line]


def test_a_row_for_each_learning_rate_of_each_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    blocks = GroupRow("block13_conv", "block14_conv", 6, 1_234_567, 0.8, 0.008)
    head = GroupRow("logits", "logits", 1, 6405, 1.0, 0.01)
    rows = [
        StageRow(1, 1, 1, (head,), None, 1.0),
        StageRow(2, 2, 4, (blocks, head), None, 1.0),
    ]
    assert shown(rows, capsys) == [
        "stage epochs what learns layers parameters learning rate",
        "1 1 logits 1 6,405 0.01",
        "2 2-5 block13_conv .. block14_conv 6 1,234,567 0.008",
        "logits 1 6,405 0.01",
    ]


def test_automatic_learning_rates(capsys: pytest.CaptureFixture[str]) -> None:
    groups = (
        GroupRow("a", "b", 2, 10, 0.64, None),
        GroupRow("logits", "logits", 1, 10, 1.0, None),
    )
    lines = shown([StageRow(1, 1, 2, groups, None, 1.0)], capsys)
    assert lines[1:] == ["1 1-2 a .. b 2 10 auto x 0.64", "logits 1 10 auto"]
