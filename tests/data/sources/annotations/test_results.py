"""Tests of what `predict` wrote, read as labels."""

import json
from pathlib import Path
from typing import Any

import pytest
from annotated_images import boxes_of, read, splits_of, write, write_images
from recording_reporter import RecordingReporter

from cnnxfer.data.sources.suited import suited_to
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

CAT = {"label": "cat", "score": 0.9, "box": [10, 5, 30.5, 15]}


def answer(path: str, *objects: Any, **others: Any) -> dict[str, Any]:
    size = {"path": path, "width": 40, "height": 20}
    return {**size, "objects": list(objects), **others}


def save(path: Path, *answers: Any) -> Path:
    if path.suffix == ".json":
        return write(path, json.dumps(answers))
    return write(path, "".join(f"{json.dumps(each)}\n" for each in answers))


@pytest.mark.parametrize("name", ["found.json", "found.jsonl"])
def test_answers_become_labels(tmp_path: Path, name: str):
    write_images(tmp_path, "photos/a.jpg", "photos/b.jpg", "photos/c.jpg")
    path = save(
        tmp_path / name,
        {"path": "photos/c.jpg", "error": "empty file"},
        answer("photos/a.jpg", CAT, split="train"),
        answer("photos/b.jpg"),
    )
    reporter = RecordingReporter()
    dataset = read(path, reporter)
    assert boxes_of(dataset) == {
        "photos/a.jpg": [("cat", (10, 5, 30.5, 15))],
        "photos/b.jpg": [],
    }
    assert splits_of(dataset)["photos/a.jpg"] == "train"
    assert "results of predict, 1 object of 1 class" in reporter.infos[0]
    assert "left out 1 image that predict could not read" in reporter.warnings[0]


def test_a_table_of_answers_has_no_background_that_was_not_read(tmp_path: Path):
    write_images(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    header = "path,frame,width,height,rank,label,score,xmin,ymin,xmax,ymax,error\n"
    rows = "a.jpg,,40,20,1,cat,0.9,10,5,30.5,15,\nb.jpg,,40,20,,,,,,,,\n"
    path = write(tmp_path / "t.csv", f"{header}{rows}c.jpg,,,,,,,,,,,time limit\n")
    reporter = RecordingReporter()
    expected = {"a.jpg": [("cat", (10, 5, 30.5, 15))], "b.jpg": []}
    assert boxes_of(read(path, reporter)) == expected
    assert "left out 1 image that predict could not read" in reporter.warnings[0]
    write(path, f"{header}{rows.replace('b.jpg,', 'b.jpg,2')}")
    with pytest.raises(DataError, match=r"row 2 is about a frame of b\.jpg"):
        suited_to(read(path), "auto", "none", Reporter())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (answer("a.jpg", {"label": "cat", "box": [1, 2, 3]}), "answer 2 has .* a box"),
        (answer("a.jpg", {"label": "cat", "box": 5}), "answer 2: objects.* a list"),
        (answer("a.jpg", {"box": [1, 2, 3, 4]}), "answer 2: objects, item 1 has no la"),
        (answer("a.jpg", CAT, width=0), "answer 2: width is 0; expected a number"),
        (answer("a.jpg", CAT, split="x"), "answer 2: split is 'x'; expected one of tr"),
        (answer("a.jpg", CAT, frame=2), "answer 2 is about a frame of a.jpg; expected"),
        ({"path": "a.jpg"}, "answer 2: it has no height"),
    ],
)
def test_errors_say_where(tmp_path: Path, wrong: Any, message: str):
    write_images(tmp_path, "a.jpg", "b.jpg")
    for name in ("found.json", "found.jsonl"):
        with pytest.raises(DataError, match=message):
            read(save(tmp_path / name, answer("b.jpg", CAT), wrong))
