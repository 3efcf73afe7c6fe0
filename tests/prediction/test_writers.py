import io
import json
from collections.abc import Iterator

import pytest

from cnnxfer.prediction.prediction import Prediction, RankedClass
from cnnxfer.prediction.writers import WRITERS, Writer

STRANGE = "a [red]b[/] \x1b[31m\n\udcff.jpg"
PREDICTIONS = [
    Prediction(
        "a.jpg",
        500,
        375,
        (
            RankedClass(1, "n02123045", "tabby", 0.83),
            RankedClass(2, "n1", "[bold]Kätzchen", 0.123456789),
        ),
    ),
    Prediction(STRANGE, error="truncated JPEG"),
    Prediction("c.jpg", 8, 8, (RankedClass(1, "daisy", "daisy", 1.0),)),
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


def written(name: str, predictions: list[Prediction]) -> str:
    """Through a stream that takes UTF-8 only, as a pipe does."""
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="utf-8", newline="\n")
    WRITERS.get(name).load()(predictions, stream)
    stream.flush()
    return content.getvalue().decode()


def test_jsonl_is_one_object_a_line() -> None:
    lines = written("jsonl", PREDICTIONS).splitlines()
    assert [json.loads(line) for line in lines] == DOCUMENTS
    assert "Kätzchen" in lines[0]


@pytest.mark.parametrize("predictions", [PREDICTIONS, PREDICTIONS[:1], []])
def test_json_is_one_list(predictions: list[Prediction]) -> None:
    document = json.loads(written("json", predictions))
    assert document == DOCUMENTS[: len(predictions)]


def test_table_has_a_row_a_rank_and_prints_any_name() -> None:
    lines = written("table", PREDICTIONS).splitlines()
    rows = [line.split() for line in lines[1:]]
    assert rows[0][:4] == ["a.jpg", "1", "tabby", "83.0%"]
    assert rows[1][:3] == ["2", "[bold]Kätzchen", "12.3%"]
    assert r"a [red]b[/] \x1b[31m\n\udcff.jpg" in lines[3]
    assert "truncated JPEG" in lines[3]
    assert rows[3] == ["c.jpg", "1", "daisy", "100.0%", "█" * 20]
    assert len(lines) == 5


def test_table_does_not_fold_in_a_pipe() -> None:
    path = "long/" * 60 + "a.jpg"
    prediction = Prediction(path, 8, 8, (RankedClass(1, "daisy", "daisy", 1.0),))
    assert path in written("table", [prediction])


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_gradual_writers_do_not_wait(writer: Writer) -> None:
    stream = io.StringIO()
    seen = []

    def predictions() -> Iterator[Prediction]:
        for prediction in PREDICTIONS:
            yield prediction
            seen.append(stream.getvalue() != "")

    writer.load()(predictions(), stream)
    assert all(seen) == writer.gradual


def test_jsonl_is_flushed_line_by_line() -> None:
    """A reader of a pipe has each line at once."""
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding="utf-8")
    lines = []

    def predictions() -> Iterator[Prediction]:
        for prediction in PREDICTIONS:
            yield prediction
            lines.append(content.getvalue().count(b"\n"))

    WRITERS.get("jsonl").load()(predictions(), stream)
    assert lines == [1, 2, 3]
