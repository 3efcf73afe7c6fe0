"""Tests that plots show their data, and texts as they are."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from cnnxfer.pages.plots.axis import axis_of
from cnnxfer.pages.plots.confusion import Confusion, plot_confusion
from cnnxfer.pages.plots.curves import HEIGHT, Curve, plot_curves

EVIL = '"><script>alert(1)</script>\x1b&amp;'


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter()]


@pytest.mark.parametrize(
    ("values", "options", "ends", "written"),
    [
        ([0.13, 0.93], {}, (0, 1), ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        ([0.91, 0.947], {"percent": True}, (0.91, 0.95), ["91%", "92%", "93%"]),
        ([0.5, 1.0], {"percent": True}, (0.4, 1.0), ["40%", "60%", "80%", "100%"]),
        ([1.0], {"percent": True}, (0.5, 1.0), ["50%", "100%"]),
        ([0.5, 12], {"whole": True}, (0.5, 12), ["2", "4", "6", "8", "10", "12"]),
        ([1, 2], {"whole": True}, (1, 2), ["1", "2"]),
        ([0, 0], {}, (-0.5, 0.5), ["-0.5", "0", "0.5"]),
        ([-3e5, 4.2e7], {}, (-2e7, 6e7), ["-2e+07", "0", "2e+07"]),
        ([], {}, (0, 1), ["0", "0.5", "1"]),
    ],
)
def test_an_axis_has_round_numbers(values, options, ends, written) -> None:
    axis = axis_of(values, **options)
    assert (axis.low, axis.high) == pytest.approx(ends)
    assert [axis.written(tick) for tick in axis.ticks][: len(written)] == written
    assert all(axis.low - 1e-9 <= value <= axis.high + 1e-9 for value in values)


def test_curves_lie_where_their_values_are() -> None:
    curve = Curve("validation", ((1, 0.0), (2, 0.5), (3, 1.0)))
    axes = axis_of([1, 3], whole=True), axis_of([0, 1], percent=True)
    svg = plot_curves("accuracy", [curve, Curve("none", ())], *axes, x_name="epoch")
    (line,) = ElementTree.fromstring(svg).iter("polyline")
    places = [point.split(",") for point in line.attrib["points"].split()]
    (left, low), middle, (right, high) = [(float(x), float(y)) for x, y in places]
    assert middle == pytest.approx(((left + right) / 2, (low + high) / 2))
    assert left < right
    assert high < low < HEIGHT
    assert "validation ends at 100%" in texts(svg)
    assert "none" not in texts(svg)


def test_texts_of_plots_are_shown_literally() -> None:
    axis = axis_of([0, 1])
    curves = [Curve(EVIL, ((0, 0), (1, 1)))]
    marks = [(0.5, EVIL)]
    counts = np.array([[3, 1], [0, 2]])
    for svg in (
        plot_curves(EVIL, curves, axis, axis, x_name=EVIL, marks=marks),
        plot_confusion(EVIL, Confusion((EVIL, "b"), ("a", EVIL), counts)),
    ):
        assert any("<script>" in text for text in texts(svg))
        assert "<script" not in svg
        assert "\x1b" not in svg
        assert "http" not in svg


def test_a_confusion_matrix_tells_its_cells() -> None:
    counts = np.array([[1200, 300, 0], [0, 5, 0]])
    confusion = Confusion(("cat", "dog"), ("cat", "dog", "nothing"), counts)
    found = texts(plot_confusion("confusion", confusion))
    assert "cat answered as dog: 300 (20.0%)" in found
    assert "most often, cat was answered as dog: 300 times" in found
    assert {"1.2k", "300", "5"} <= set(found)
    counts[0, 1] = 0
    assert "no class was taken for another" in texts(plot_confusion("", confusion))


def test_of_many_classes_the_most_confused_are_kept() -> None:
    counts = 10 * np.eye(4, 5, dtype=int)
    counts[1, 3], counts[2, 4] = 7, 9
    confusion = Confusion(tuple("abcd"), ("a", "b", "c", "d", "none"), counts)
    part = confusion.most_confused(2)
    assert (part.rows, part.columns) == (("b", "d"), ("b", "d", "none"))
    assert part.counts.tolist() == [[10, 7, 0], [0, 10, 0]]
    assert confusion.most_confused(4) is confusion
