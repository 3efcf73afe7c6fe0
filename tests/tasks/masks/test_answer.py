"""Masks as they are counted, written, read and drawn."""

import numpy as np
from PIL import Image

from cnnxfer.data.images.drawing import colour_mask
from cnnxfer.tasks.answer import Line
from cnnxfer.tasks.masks.answer import ClassShare, MaskAnswer, class_shares, read_shares

NAMES = ("ground", "rose", "tulip", "lily")
MASK = np.zeros((20, 30), np.uint8)
MASK[:, :10] = 2
MASK[0, 29] = 3
ANSWER = MaskAnswer(class_shares(MASK, NAMES), NAMES, MASK)


def test_classes_are_listed_by_their_shares_of_the_pixels() -> None:
    assert ANSWER.shares == (
        ClassShare("ground", 0.665),
        ClassShare("tulip", 0.333333),
        ClassShare("lily", 0.001667),
    )
    assert ANSWER.rows()[1] == (2, "tulip", 0.333333, None)
    assert ANSWER.lines(1) == [Line(1, "ground", 0.665)]


def test_a_speck_is_listed_but_is_no_label() -> None:
    assert ANSWER.labels == ("ground", "tulip")
    assert [line.rejected for line in ANSWER.lines()] == [False, False, True]


def test_the_record_can_be_read() -> None:
    record = ANSWER.record()
    assert "mask" not in record
    assert read_shares(record) == ANSWER.shares
    assert read_shares({}) == ()
    written = MaskAnswer(ANSWER.shares, NAMES, file="masks/a.png")
    assert written.record() == {"mask": "masks/a.png"} | record


def test_a_mask_is_drawn_to_the_scale_of_the_image() -> None:
    ground = Image.new("RGB", (15, 10), (9, 9, 9))
    expected = colour_mask(ground, MASK[1::2, 1::2])
    np.testing.assert_array_equal(ANSWER.drawn(ground, (30, 20)), expected)
    assert MaskAnswer(ANSWER.shares, NAMES).drawn(ground, (30, 20)) is ground
