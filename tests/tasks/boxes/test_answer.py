"""Objects as they are chosen, written, read and drawn."""

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.images.drawing import colour_of
from cnnxfer.tasks.answer import FoundObject, Line
from cnnxfer.tasks.boxes.answer import ObjectsAnswer, found_objects, read_objects

NAMES = ("cat", "raccoon")
ROWS = np.array(
    [
        (1.04, 2.06, 30, 40, 0.5, 0),
        (81, 88.25, 522, 408, 0.9100004, 1),
        (5, 5, 9, 9, 0.2999996, 1),
        (5, 5, 9, 9, 0.29, 0),
        (0, 0, 0, 0, 0, 0),
    ],
    np.float32,
)
ANSWER = ObjectsAnswer(found_objects(ROWS, NAMES, 0.3), NAMES)


def test_objects_that_are_sure_enough_are_found_best_first() -> None:
    assert ANSWER.objects == (
        FoundObject("raccoon", 0.91, (81, 88.2, 522, 408), 1),
        FoundObject("cat", 0.5, (1, 2.1, 30, 40), 0),
        FoundObject("raccoon", 0.3, (5, 5, 9, 9), 1),  # as it is printed
    )
    assert ANSWER.labels == ("raccoon", "cat")
    assert found_objects(ROWS[:0], NAMES, 0.3) == ()
    assert len(found_objects(ROWS, NAMES, 0)) == 4  # a score of 0 is no object


def test_the_record_is_what_is_promised_and_can_be_read() -> None:
    record = ANSWER.record()
    assert record["objects"][0] == {
        "label": "raccoon",
        "score": 0.91,
        "box": [81, 88.2, 522, 408],
    }
    assert all(isinstance(edge, int) for edge in record["objects"][2]["box"])
    assert read_objects(record, NAMES) == ANSWER.objects
    assert read_objects({}, NAMES) == ()
    with pytest.raises(ValueError, match="not in"):
        read_objects(record, ("cat", "dog"))


def test_rows_and_lines_have_boxes() -> None:
    assert ANSWER.rows()[1] == (2, "cat", 0.5, 1.0, 2.1, 30.0, 40.0)
    assert ANSWER.lines(1) == [
        Line(1, "raccoon", 0.91, rejected=False, place="81, 88, 522, 408")
    ]


def test_the_best_object_tells_the_most_probable_class() -> None:
    assert ANSWER.top is not None
    assert (ANSWER.top.label, ANSWER.top.probability) == ("raccoon", 0.91)
    assert ObjectsAnswer().top is None
    assert ObjectsAnswer().displaced is None
    assert ObjectsAnswer((), ("none",), "no answer").displaced == "none"


def test_boxes_are_drawn_to_the_scale_of_the_image() -> None:
    answer = ObjectsAnswer((FoundObject("cat", 1.0, (100, 200, 300, 360), 0),), NAMES)
    ground = Image.new("RGB", (200, 300), (128, 128, 128))
    pixels = np.asarray(answer.drawn(ground, (400, 400)))
    rows, columns = np.nonzero((pixels == colour_of(0)).all(axis=-1))
    inside = rows >= 150  # below the name
    assert (columns[inside].min(), columns[inside].max() + 1) == (50, 150)
    assert rows.max() + 1 == 270
