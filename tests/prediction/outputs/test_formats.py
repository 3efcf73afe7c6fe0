import csv
import dataclasses
import io
import json
import re
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from predicted import predicted, with_mask, with_objects
from rich.cells import cell_len

from cnnxfer.prediction.outputs import parquet, table
from cnnxfer.prediction.outputs.csv import CONTROLS
from cnnxfer.prediction.outputs.formats import WRITERS, Writer
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import RankedClass

STRANGE = "a [red]b[/] \x1b[31m\n\udcff.jpg"
PREDICTIONS = [
    predicted(
        "a.jpg",
        500,
        375,
        (
            RankedClass(1, "n02123045", "tabby", 0.83),
            RankedClass(2, "n1", "[bold]Kätzchen", 0.123456789),
        ),
    ),
    predicted(STRANGE, error="truncated JPEG"),
    predicted("c.jpg", 8, 8, (RankedClass(1, "daisy", "daisy", 1.0),)),
]
DOCUMENTS = [
    {
        "path": "a.jpg",
        "width": 500,
        "height": 375,
        "predictions": [
            {
                "rank": 1,
                "class_id": "n02123045",
                "label": "tabby",
                "probability": 0.83,
            },
            {
                "rank": 2,
                "class_id": "n1",
                "label": "[bold]Kätzchen",
                "probability": 0.123457,
            },
        ],
    },
    {"path": STRANGE, "error": "truncated JPEG"},
    {
        "path": "c.jpg",
        "width": 8,
        "height": 8,
        "predictions": [
            {"rank": 1, "class_id": "daisy", "label": "daisy", "probability": 1.0}
        ],
    },
]


COLUMNS = [
    "path",
    "frame",
    "width",
    "height",
    "rank",
    "class_id",
    "label",
    "probability",
    "error",
]
ROWS: list[tuple[Any, ...]] = [
    ("a.jpg", None, 500, 375, 1, "n02123045", "tabby", 0.83, None),
    ("a.jpg", None, 500, 375, 2, "n1", "[bold]Kätzchen", 0.123457, None),
    (STRANGE.replace("\udcff", r"\udcff"), *[None] * 7, "truncated JPEG"),
    ("c.jpg", None, 8, 8, 1, "daisy", "daisy", 1.0, None),
]
DOUBTS = [
    predicted("=1+1.gif", error='no, "none"', frame=0, min_confidence=0.5),
    predicted(
        "a,\rb.gif",
        8,
        9,
        (RankedClass(1, "a", "@a", 0.4),),
        frame=1,
        min_confidence=0.5,
    ),
    predicted(
        "a,\nb.gif",
        8,
        9,
        (RankedClass(1, "a", "-a", 0.6),),
        frame=2,
        min_confidence=0.5,
    ),
]
SEVERAL = [
    predicted("a.jpg", error="empty file", chosen=()),
    predicted(
        "b.jpg",
        8,
        9,
        (
            RankedClass(1, "a", "a", 0.6),
            RankedClass(2, "b", "b", 0.5),
            RankedClass(4, "c", "c", 0.2),
        ),
        chosen=("b", "c"),
    ),
    predicted("c.jpg", 8, 9, (RankedClass(1, "a", "a", 0.4),), chosen=()),
]
SEVERAL_ROWS: list[tuple[Any, ...]] = [
    ("a.jpg", *[None] * 7, "empty file", None),
    ("b.jpg", None, 8, 9, 1, "a", "a", 0.6, None, "b|c"),
    ("b.jpg", None, 8, 9, 2, "b", "b", 0.5, None, "b|c"),
    ("b.jpg", None, 8, 9, 4, "c", "c", 0.2, None, "b|c"),
    ("c.jpg", None, 8, 9, 1, "a", "a", 0.4, None, ""),
]
DOUBT_ROWS: list[tuple[Any, ...]] = [
    ("=1+1.gif", 0, *[None] * 6, 'no, "none"', None),
    ("a,\rb.gif", 1, 8, 9, 1, "a", "@a", 0.4, None, "unsure"),
    ("a,\nb.gif", 2, 8, 9, 1, "a", "-a", 0.6, None, "-a"),
]
OBJECTS = [
    with_objects("a.jpg", error="empty file"),
    with_objects("b.jpg", 90, 80, (1, 2, 30.25, 20, 0.5, 1), (0.1, 0, 90, 80, 0.75, 0)),
    with_objects("c.jpg", 9, 8),
]
OBJECT_COLUMNS = [
    *COLUMNS[:5],
    *("label", "score", "xmin", "ymin", "xmax", "ymax", "error"),
]
OBJECT_ROWS: list[tuple[Any, ...]] = [
    ("a.jpg", *[None] * 10, "empty file"),
    ("b.jpg", None, 90, 80, 1, "raccoon", 0.75, 0.1, 0.0, 90.0, 80.0, None),
    ("b.jpg", None, 90, 80, 2, "<cat>", 0.5, 1.0, 2.0, 30.2, 20.0, None),
    ("c.jpg", None, 9, 8, *[None] * 8),
]
MASKS = [
    with_mask("a.jpg", error="empty file"),
    with_mask("b.jpg", np.array([[0, 1, 1, 1]], np.uint8)),
]
MASK_COLUMNS = [*COLUMNS[:5], "label", "share", "mask", "error"]
MASK_ROWS: list[tuple[Any, ...]] = [
    ("a.jpg", *[None] * 7, "empty file"),
    ("b.jpg", None, 4, 1, 1, "rose", 0.75, None, None),
    ("b.jpg", None, 4, 1, 2, "ground", 0.25, None, None),
]
TABLES = {
    "plain": (PREDICTIONS, COLUMNS, ROWS),
    "unsure": (DOUBTS, [*COLUMNS, "answer"], DOUBT_ROWS),
    "several": (SEVERAL, [*COLUMNS, "answer"], SEVERAL_ROWS),
    "objects": (OBJECTS, OBJECT_COLUMNS, OBJECT_ROWS),
    "masks": (MASKS, MASK_COLUMNS, MASK_ROWS),
}
EACH_TABLE = pytest.mark.parametrize(
    ("predictions", "columns", "rows"), TABLES.values(), ids=TABLES
)


def content(name: str, predictions: Iterable[Prediction]) -> bytes:
    """The stream accepts UTF-8 only, as a pipe does."""
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="utf-8", newline="")
    WRITERS.get(name).load()(predictions, stream)
    stream.flush()
    return content.getvalue()


def written(name: str, predictions: Iterable[Prediction]) -> str:
    return content(name, predictions).decode()


def test_jsonl_has_one_object_per_line() -> None:
    lines = written("jsonl", PREDICTIONS).splitlines()
    assert [json.loads(line) for line in lines] == DOCUMENTS
    assert "Kätzchen" in lines[0]


@pytest.mark.parametrize("predictions", [PREDICTIONS, PREDICTIONS[:1], []])
def test_json_is_one_list(predictions: list[Prediction]) -> None:
    document = json.loads(written("json", predictions))
    assert document == DOCUMENTS[: len(predictions)]


@pytest.mark.parametrize("name", ["json", "jsonl", "table"])
def test_streams_of_another_encoding_get_what_they_can_show(name: str) -> None:
    ranking = (RankedClass(1, "r", "\U0001f339", 1.0),)
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, "latin-1", errors="backslashreplace")
    WRITERS.get(name).load()([predicted("caf\xe9.jpg", 8, 8, ranking)], stream)
    stream.flush()
    text = content.getvalue().decode("latin-1")
    if name == "table":
        assert text.split()[-1] == "#" * 20
    else:
        assert "\U0001f339" in json.dumps(json.loads(text), ensure_ascii=False)


def test_table_has_one_row_per_rank_and_escapes_names() -> None:
    lines = written("table", PREDICTIONS).splitlines()
    rows = [line.split() for line in lines[1:]]
    assert rows[0][:4] == ["a.jpg", "1", "tabby", "83.0%"]
    assert rows[1][:3] == ["2", "[bold]Kätzchen", "12.3%"]
    assert r"a [red]b[/] \x1b[31m\n\udcff.jpg" in lines[3]
    assert "truncated JPEG" in lines[3]
    assert rows[3] == ["c.jpg", "1", "daisy", "100.0%", "█" * 20]
    assert len(lines) == 5


def test_table_does_not_wrap_lines_in_a_pipe() -> None:
    path = "long/" * 300 + "a.jpg"
    prediction = predicted(path, 8, 8, (RankedClass(1, "daisy", "daisy", 1.0),))
    assert path in written("table", [prediction])


def test_table_shows_unsure_predictions_and_frame_numbers() -> None:
    ranking = (RankedClass(1, "a", "tabby", 0.4), RankedClass(2, "b", "tiger", 0.3))
    doubt = predicted("a.gif", 8, 9, ranking, frame=3, min_confidence=0.5)
    rows = [line.split() for line in written("table", [doubt]).splitlines()]
    assert rows[1][:5] == ["a.gif", "#3", "1", "unsure", "(tabby)"]
    assert rows[2][:2] == ["2", "tiger"]


def test_table_shows_the_classes_of_multi_label_images() -> None:
    rows = [line.split() for line in written("table", SEVERAL).splitlines()[1:]]
    assert rows[1][:4] == ["b.jpg", "1", "(a)", "60.0%"]
    assert rows[2][:3] == ["2", "b", "50.0%"]
    assert rows[3][:3] == ["4", "c", "20.0%"]
    assert rows[4][:5] == ["c.jpg", "1", "none", "(a)", "40.0%"]


def test_table_shows_objects_and_where_they_are() -> None:
    lines = written("table", OBJECTS).splitlines()
    assert lines[0].split() == ["image", "rank", "class", "score", "box"]
    assert lines[1].split() == ["a.jpg", "empty", "file"]
    assert lines[2].split() == [
        *("b.jpg", "1", "raccoon", "75.0%", "█" * 15, "0,", "0,", "90,", "80")
    ]
    assert lines[2].index("0, 0") == lines[3].index("1, 2") == lines[0].index("box")
    assert lines[4].split() == ["c.jpg", "none"]


def test_table_shows_the_shares_of_a_mask() -> None:
    lines = written("table", MASKS).splitlines()
    assert lines[0].split() == ["image", "rank", "class", "pixels"]
    assert lines[2].split()[:4] == ["b.jpg", "1", "rose", "75.0%"]


def test_columns_of_a_long_table_are_aligned_across_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table, "BLOCK", 2)
    names = ["a", "a-long-name.jpg", "bb", "c", "長い名前の写真.jpg", "d", "e"]
    predictions = [
        predicted(name, 8, 8, (RankedClass(1, "daisy", "daisy", 1.0),))
        for name in names
    ]
    lines = written("table", predictions).splitlines()
    assert lines[0].split() == ["image", "rank", "class", "probability"]
    assert [line.split()[0] for line in lines[1:]] == names
    starts = [cell_len(line[: line.index("daisy")]) for line in lines[1:]]
    assert starts[:4] == [starts[0]] * 4
    assert starts[4:] == [starts[4]] * 3
    assert starts[4] > starts[0]


def test_a_table_does_not_keep_predictions_in_memory() -> None:
    born: list[weakref.ref[Prediction]] = []
    alive = []

    def predictions() -> Iterator[Prediction]:
        for _ in range(20):
            prediction = dataclasses.replace(PREDICTIONS[0])
            born.append(weakref.ref(prediction))
            alive.append(sum(ref() is not None for ref in born))
            yield prediction

    written("table", predictions())
    assert len(born) == 20
    assert max(alive) <= 2  # `prediction` is the last one until it is the next


def test_a_long_table_is_written_block_by_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table, "BLOCK", 2)
    stream = io.StringIO()
    lines = []

    def predictions() -> Iterator[Prediction]:
        for number in range(6):
            lines.append(stream.getvalue().count("\n"))
            yield predicted(str(number), error="empty file")

    table.write_table(predictions(), stream)
    assert lines == [0, 0, 3, 3, 5, 5]


def test_an_empty_table_has_its_header() -> None:
    assert written("table", []).split() == ["image", "rank", "class", "probability"]


@EACH_TABLE
def test_csv_has_one_row_per_rank(
    predictions: list[Prediction], columns: list[str], rows: list[tuple[Any, ...]]
) -> None:
    text = written("csv", predictions)
    assert text.endswith("\r\n")
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert read[0] == columns
    as_text = [["" if value is None else str(value) for value in row] for row in rows]
    assert read[1:] == [[CONTROLS.sub(escape, cell) for cell in row] for row in as_text]


def escape(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


def test_csv_has_no_control_characters() -> None:
    controls = "\x1b]0;t\x07\r\n\t\x7f\x9b2J\u2028\u202ertl\u2066"
    kept = "\u0645\u06cc\u200c\u062e\u0648 caf\xe9 \U0001f469\u200d\U0001f33e \\x1b"
    name = controls + kept
    ranking = (RankedClass(1, name, name, 0.5),)
    predictions = [predicted(name, 8, 8, ranking), predicted(name, error=name)]
    _, *lines = written("csv", predictions).splitlines()
    escaped = r"\x1b]0;t\x07\r\n\t\x7f\x9b2J\u2028\u202ertl\u2066" + kept
    assert lines == [
        f"{escaped},,8,8,1,{escaped},{escaped},0.5,",
        f"{escaped},,,,,,,,{escaped}",
    ]
    for line in written("jsonl", predictions).splitlines():
        assert not CONTROLS.search(line)
        assert json.loads(line)["path"] == name  # nothing is lost
    table = written("table", predictions)
    assert not CONTROLS.search(table.replace("\n", ""))
    read = pyarrow.parquet.read_table(io.BytesIO(content("parquet", predictions)))
    assert read["path"].to_pylist() == [name, name]


@EACH_TABLE
def test_parquet_has_one_row_per_rank(
    predictions: list[Prediction], columns: list[str], rows: list[tuple[Any, ...]]
) -> None:
    read = pyarrow.parquet.read_table(io.BytesIO(content("parquet", predictions)))
    assert read.column_names == columns
    assert [tuple(row.values()) for row in read.to_pylist()] == rows
    types = {field.name: str(field.type) for field in read.schema}
    assert types["frame"] == types["rank"] == types["width"] == "int32"
    numbers = types.keys() & {"probability", "score", "share", "xmin", "ymax"}
    assert {types[name] for name in numbers} == {"double"}
    assert types["label"] == types["error"] == "string"


def test_parquet_is_written_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    file = pyarrow.parquet.ParquetFile(io.BytesIO(content("parquet", PREDICTIONS * 3)))
    groups = [
        file.metadata.row_group(number).num_rows
        for number in range(file.num_row_groups)
    ]
    assert groups == [2] * 6
    assert [tuple(row.values()) for row in file.read().to_pylist()] == ROWS * 3


@pytest.mark.parametrize(
    "writer",
    [writer for writer in WRITERS if not (writer.binary or writer.folder)],
    ids=lambda writer: writer.name,
)
def test_gradual_writers_write_each_prediction_at_once(writer: Writer) -> None:
    stream = io.StringIO()
    shown = []

    def predictions() -> Iterator[Prediction]:
        for number in range(3):
            yield predicted(f"image-{number}", error="empty file")
            shown.append(f"image-{number}" in stream.getvalue())

    writer.load()(predictions(), stream)
    assert all(shown) == any(shown) == writer.streaming


def test_jsonl_is_flushed_line_by_line() -> None:
    """A reader of a pipe gets each line at once."""
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="utf-8")
    lines = []

    def predictions() -> Iterator[Prediction]:
        for prediction in PREDICTIONS:
            yield prediction
            lines.append(content.getvalue().count(b"\n"))

    WRITERS.get("jsonl").load()(predictions(), stream)
    assert lines == [1, 2, 3]
