"""Tests that the page of `check` shows findings and images, and nothing harmful."""

import base64
import io
from pathlib import Path

import pytest
from html_page import Page
from PIL import Image
from planted_problems import Planter

import cnnxfer
from cnnxfer.data.annotation import Labels
from cnnxfer.data.check.report import ClassCount, Figure, Finding, Item, Report
from cnnxfer.data.dataset import Example
from cnnxfer.pages.check_page import SHOWN_ITEMS, write_page
from cnnxfer.reporting import Reporter

EVIL = '"><script>alert(1)</script>\n\x1b\udcff&amp;.jpg'


def test_the_page_shows_the_findings(tmp_path: Path) -> None:
    planter = Planter(tmp_path)
    for name in ("iris", "rose"):
        planter.sound(f"data/{name}", 12)
    planter.put("data/rose/wide.jpg", Image.new("RGB", (800, 200), (200, 30, 30)))
    planter.put("data/rose/broken.jpg", b"broken")
    path = tmp_path / "page.html"
    cnnxfer.check(str(tmp_path / "data"), html=path)
    page = Page(path.read_text("utf-8"))
    assert not page.open
    assert [section["id"] for section in page.all("section")] == ["unreadable", "long"]
    (shown,) = page.all("img")
    data = base64.b64decode(str(shown["src"]).partition(",")[2])
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (200, 50)
        assert abs(picture.getpixel((100, 25))[0] - 200) < 5
    for text in ("rose/broken.jpg", "not an image", "800 x 200", "left out"):
        assert text in " ".join(page.texts)


def test_the_page_loads_and_runs_nothing(tmp_path: Path) -> None:
    item = Item((EVIL,), (EVIL,), EVIL)
    finding = Finding(
        "copies", "note", "<i>titles</i>", 1, "<b>done</b>", "<u>a</u>", (item,)
    )
    figure = Figure("objects", 1.0, f"1 object {EVIL}")
    report = Report(EVIL, 1, 1, (ClassCount(EVIL, 1, 2, 3),), (finding,), (figure,))
    path = tmp_path / "page.html"
    write_page(
        report, [Example(EVIL, Labels((0,)), None, tmp_path / "none")], path, Reporter()
    )
    text = path.read_text("utf-8")
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert "1 object" in text
    assert not tags & {"script", "link", "iframe", "object", "i", "u", "a"}
    policy = next(tag for tag in page.all("meta") if "http-equiv" in tag)
    assert str(policy["content"]).startswith("default-src 'none'; img-src data:")
    assert "http://" not in text
    assert "https://" not in text
    assert "\x1b" not in text


def test_each_class_has_a_bar_of_its_splits(tmp_path: Path) -> None:
    classes = (ClassCount("iris", 6, 3, 1), ClassCount("rose", 20, 0, 5))
    path = tmp_path / "page.html"
    write_page(Report("data", 35, 2, classes, ()), [], path, Reporter())
    page = Page(path.read_text("utf-8"))
    assert {bar["viewbox"] for bar in page.all("svg")} == {"0 0 25 1"}
    bars = [(part["class"], part["x"], part["width"]) for part in page.all("rect")]
    assert bars[:3] == [
        ("train", "0", "6"),
        ("validation", "6", "3"),
        ("test", "9", "1"),
    ]
    assert bars[3:] == [
        ("train", "0", "20"),
        ("validation", "20", "0"),
        ("test", "20", "5"),
    ]


def test_the_number_of_items_shown_is_limited(tmp_path: Path) -> None:
    count = SHOWN_ITEMS + 7
    items = tuple(Item((f"{number}.jpg",)) for number in range(count))
    finding = Finding("grey", "note", "grey ones", count, "used", "Nothing.", items)
    path = tmp_path / "page.html"
    write_page(Report("data", count, count, (), (finding,)), [], path, Reporter())
    page = Page(path.read_text("utf-8"))
    assert len(page.all("figure")) == SHOWN_ITEMS
    assert "and 7 more" in " ".join(page.texts)


def test_a_failure_leaves_the_old_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    report = Report("data", 0, 0, (), ())
    write_page(report, [], path, Reporter())
    before = path.read_bytes()
    monkeypatch.setattr("cnnxfer.pages.page.render", lambda *_, **__: [1])
    with pytest.raises(TypeError):
        write_page(report, [], path, Reporter())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
