"""The table of the stages of fine-tuning that `unfreeze --dry-run` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnxfer.cli.tables import cell_table

if TYPE_CHECKING:
    from rich.table import Table

    from cnnxfer.training.phases.plan import GroupRow, StageRow


def stages_table(rows: list[StageRow]) -> Table:
    """Returns a table with a row for each group of layers with one learning rate."""
    figures = ("layers", "parameters", "learning rate")
    columns = ("stage", "epochs", "what learns", *figures)
    table = cell_table(*columns, right=("stage", *figures))
    for row in rows:
        last = row.first_epoch + row.epochs - 1
        epochs = f"{row.first_epoch}-{last}" if row.epochs > 1 else str(last)
        for group in row.groups:
            is_first = group is row.groups[0]
            table.add_row(
                str(row.stage) if is_first else "",
                epochs if is_first else "",
                _span(group),
                str(group.layers),
                f"{group.parameters:,}",
                _rate(group),
            )
        if row is not rows[-1]:
            table.add_section()
    return table


def _span(group: GroupRow) -> str:
    return (
        group.first if group.first == group.last else f"{group.first} .. {group.last}"
    )


def _rate(group: GroupRow) -> str:
    if group.learning_rate is None:
        return "auto" if group.factor == 1 else f"auto x {group.factor:.3g}"
    return f"{group.learning_rate:.3g}"
