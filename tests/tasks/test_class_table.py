"""Tests that tables of classes tell their figures, and the weakest classes first."""

from cnnxfer.tasks.class_table import ClassTable
from cnnxfer.tasks.significance import Accuracy


def test_rows_are_texts_and_the_weakest_come_first() -> None:
    rows = (
        ("rose", 3, Accuracy(0.9, 0.8, 1.0), "0.500"),
        ("iris", 0, None, "0.500"),
        ("daisy", 12, Accuracy(0.25, 0.1, 0.4), "0.125"),
    )
    table = ClassTable(("class", "images", "recall", "threshold"), rows, "recall")
    assert table.texts == [
        ["class", "images", "recall", "threshold"],
        ["rose", "3", "90.0%", "0.500"],
        ["iris", "0", "", "0.500"],
        ["daisy", "12", "25.0%", "0.125"],
    ]
    assert [row[0] for row in table.weakest_first.rows] == ["daisy", "rose", "iris"]
    assert table.weakest == ""  # all of them are easily seen in the table
    more = ClassTable(table.columns, (*rows, ("tulip", 4, 1.0, "0.5")), "recall")
    assert more.weakest == "daisy 25.0%, rose 90.0% (recall)"
