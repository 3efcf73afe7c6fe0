"""Tests that the page of `evaluate` shows the surest answers, and nothing harmful."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from colours import COLOURS, make_multi_label
from html_page import Page
from PIL import Image

import cnnxfer
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.errors import ConfigError
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.evaluation.page import write_page
from cnnxfer.evaluation.surest import SureAnswer
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.classification import BestClass

EVIL = '"><script>alert(1)</script>\n\x1b\udcff&amp;.jpg'


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Returns images in folders: three red ones, of which one is labelled green."""
    for name, red in {"red/bright": 250, "red/dark": 120, "green/wrong": 180}.items():
        path = tmp_path / "data" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (80, 40), (red, 40, 40)).save(path)
    return tmp_path / "data"


def test_the_page_shows_right_and_wrong_answers(
    colour_run: Run, labelled: Path, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    evaluation = cnnxfer.evaluate(colour_run, data=labelled, html=path)
    (mistake,) = evaluation.surest_mistakes
    assert (mistake.example.id, mistake.labels) == ("green/wrong.png", ("green",))
    assert [sure.example.id for sure in evaluation.surest_right] == [
        "red/bright.png",
        "red/dark.png",
    ]
    page = Page(path.read_text("utf-8"))
    assert not page.open
    assert [section["class"] for section in page.all("section")] == ["wrong", "right"]
    names = [entry["title"] for entry in page.all("div") if entry["class"] == "name"]
    assert names == ["green/wrong.png", "red/bright.png", "red/dark.png"]
    reds = []
    for shown in page.all("img"):
        data = base64.b64decode(str(shown["src"]).partition(",")[2])
        with Image.open(io.BytesIO(data)) as picture:
            reds.append(picture.getpixel((40, 20))[0])
    np.testing.assert_allclose(reds, [180, 250, 120], atol=5)
    texts = " ".join(page.texts)
    assert "wrong answers , the surest first: 1 " in texts
    assert "right answers , the surest first: 2 " in texts
    assert "green/wrong.png labelled green red 99.8% " in texts
    assert evaluation.lines[0] == f"{colour_run.name}: 3 images"
    assert "; ".join(evaluation.lines) in page.texts
    assert "class images recall precision F1 blue 0" in texts


def test_the_page_shows_answers_of_several_labels(
    colour_run: Run, tmp_path: Path
) -> None:
    make_multi_label(colour_run, dict.fromkeys(COLOURS, 0.99))
    Image.new("RGB", (40, 40), (200, 40, 200)).save(tmp_path / "purple.png")
    Image.new("RGB", (40, 40), (30, 30, 30)).save(tmp_path / "black.png")
    table = tmp_path / "mixed.csv"
    table.write_text("path,label\npurple.png,blue|red\nblack.png,green\n")
    path = tmp_path / "page.html"
    evaluation = cnnxfer.evaluate(colour_run, data=table, html=path)
    assert evaluation.surest_right[0].answer.labels == ("blue", "red")
    texts = " ".join(Page(path.read_text("utf-8")).texts)
    assert "black.png labelled green " in texts
    assert "purple.png labelled blue|red blue 100.0% red 100.0% green " in texts


def test_the_page_loads_and_runs_nothing(tmp_path: Path) -> None:
    answer = BestClass().answer(np.array([0.7, 0.3]), [(EVIL, EVIL)] * 2, 2, None)
    gone = Example(EVIL, Labels((0,)), None, tmp_path / "none")
    sure = SureAnswer(gone, (9, 9), (EVIL,), answer)
    figures, _ = BestClass().measure([EVIL, "b"], np.eye(1, 2), [gone])
    evaluation = Evaluation(EVIL, 2, 0, 0, figures, surest_right=(sure,))
    path = tmp_path / "page.html"
    write_page(evaluation, path, Reporter())
    text = path.read_text("utf-8")
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "a"}
    policy = next(tag for tag in page.all("meta") if "http-equiv" in tag)
    assert str(policy["content"]).startswith("default-src 'none'; img-src data:")
    assert "\x1b" not in text
    assert "://" not in text
    assert "no picture" in page.texts  # it cannot be read any more
    assert "and 1 more" in page.texts
    assert len(page.all("section")) == 1  # there is no mistake


def test_only_its_own_pages_are_overwritten(
    colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "notes.html"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"not written by cnnxfer evaluate\. Name"):
        cnnxfer.evaluate(colour_run, html=path)
    assert path.read_text() == "mine"
    assert "test" not in colour_run.metrics  # nothing was measured
    with pytest.raises(ConfigError, match="lies among the images of"):
        cnnxfer.evaluate(colour_run, html=photos_dir / "red" / "page.html")
    path.unlink()
    for _ in range(2):
        cnnxfer.evaluate(colour_run, html=path)
    assert "right answers" in path.read_text("utf-8")
