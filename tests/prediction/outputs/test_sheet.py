import base64
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from browser import browsing
from html_page import Page
from PIL import Image
from predicted import predicted

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.images.source import ImageSource, file_source
from cnnxfer.errors import ConfigError
from cnnxfer.pages.thumbnails import ThumbnailReader
from cnnxfer.prediction.heat import Heat
from cnnxfer.prediction.model_source import imagenet_model
from cnnxfer.prediction.outputs.sheet import check_sheet, draw_sheet
from cnnxfer.prediction.outputs.thumbnail import read_thumbnail
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.tasks.multi_label import SeveralClasses

EVIL = '"><script>alert(1)</script>\n\x1b\udcff&amp;.jpg'


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def answer(
    path: str,
    content: bytes,
    *labels: str,
    probability: float = 0.5,
    frame: int | None = None,
    min_confidence: float | None = None,
) -> Prediction:
    ranking = tuple(
        RankedClass(rank, label, label, probability / rank)
        for rank, label in enumerate(labels or ["tabby"], start=1)
    )
    source = ImageSource(path, partial(bytes, content))
    return predicted(
        path,
        9,
        9,
        ranking,
        frame=frame,
        min_confidence=min_confidence,
        source=source,
    )


def shown_picture(prediction: Prediction) -> Image.Image | None:
    return read_thumbnail(ThumbnailReader(240, 180), prediction)


def drawn(path: Path, predictions: list[Prediction], **options: bool) -> None:
    check_sheet(path, [])
    stage = draw_sheet(path, ["a", "<title>"], MODEL, **options)
    assert list(stage(predictions)) == predictions


MODEL = replace(
    imagenet_model(BACKBONES.get("efficientnet-lite0")),
    classes=[("n1", "tabby"), ("n2", "grey_whale"), ("unused", "daisy")],
)
WIDE = encoded(Image.new("RGB", (600, 300), (200, 30, 30)))
FAILURE = predicted(EVIL, error="truncated <b>JPEG</b>: 1 of 2 bytes")


def test_the_page_shows_pictures_classes_and_reasons(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    labels = ["tabby", "<i>tiger</i>", "c", "d", "e", "sixth"]
    predictions = [
        answer("in/a.jpg", WIDE, *labels),
        FAILURE,
        answer("b.gif", WIDE, probability=0.4, min_confidence=0.5, frame=7),
    ]
    drawn(path, predictions)
    page = Page(path.read_text("utf-8"))
    assert not page.open
    figures = page.all("figure")
    kinds = [figure["class"] for figure in figures]
    assert kinds == ["answered", "unreadable", "doubtful"]
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(str(img["src"]).partition(",")[2])))
        for img in page.all("img")
    ]
    assert [(picture.format, picture.size) for picture in pictures] == [
        ("JPEG", (240, 120))
    ] * 2
    assert np.abs(np.asarray(pictures[0]).mean((0, 1)) - (200, 30, 30)).max() < 4
    assert page.all("li")[0] == {"style": "--part:50.0%"}
    names = [item["title"] for item in page.all("div") if item["class"] == "name"]
    assert names[::2] == ["in/a.jpg", "b.gif"]
    for text in ("a.jpg", "tabby", "<i>tiger</i>", "25.0%", "b.gif #7", "unsure"):
        assert text in page.texts
    assert "sixth" not in page.texts
    assert "truncated <b>JPEG</b>: 1 of 2 bytes" in page.texts
    assert page.texts[-1] == "3 images, 1 unsure, 1 could not be read"
    assert "efficientnet-lite0, 3 classes of ImageNet" in page.texts
    assert page.texts.count("a <title>") == 2


def test_the_page_shows_the_classes_of_multi_label_images(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    both = answer("a.jpg", WIDE, "tabby", "tiger")
    ranking = both.answer.ranking
    several = [SeveralClasses(ranking, frozenset(names)) for names in (["tiger"], [])]
    drawn(path, [replace(both, answer=answer) for answer in several])
    page = Page(path.read_text("utf-8"))
    assert [item.get("class") for item in page.all("li")] == [None, "not", "not", "not"]
    assert page.texts.index("tiger") < page.texts.index("tabby")
    figures = [figure.get("class") for figure in page.all("figure")]
    assert figures == ["answered", "doubtful"]
    assert page.texts.count("none") == 1
    assert page.texts[-1] == "2 images, 1 none"


def test_the_page_marks_where_the_folder_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    given = [
        answer("photos/tabby/1.jpg", WIDE),
        answer("photos/Grey whale/2.jpg", WIDE),
        answer("photos.zip/n2/3.jpg", WIDE),
        answer("https://x.org/n1/4.jpg?n2=/n2/", WIDE),
        answer("photos/holiday/5.jpg", WIDE),  # which is no class
        answer("grey_whale/6.jpg", WIDE, min_confidence=0.9),
        predicted("grey_whale/7.jpg", error="not an image"),
        answer("8.jpg", WIDE),
    ]
    drawn(path, given)
    page = Page(path.read_text("utf-8"))
    marked = [" other" in str(figure["class"]) for figure in page.all("figure")]
    assert marked == [False, True, True, *[False] * 5]
    assert page.texts.count("its folder says grey_whale") == 2
    assert page.texts[-1].endswith("2 where the folder says otherwise")


def test_the_page_shows_heat_beside_each_picture(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    one = answer("a.jpg", WIDE)
    place = Geometry.of_box((2, 2, 7, 7), 32)
    heat = Heat(one.top, [np.eye(4, dtype=np.float32)], [place])
    drawn(path, [replace(one, heat=heat), FAILURE], heat=True)
    page = Page(path.read_text("utf-8"))
    plain, seen = [str(img["src"]) for img in page.all("img")]
    assert plain != seen
    assert "tabby 50.0%" in page.texts


def test_the_page_sorts_and_filters_with_the_keyboard_alone(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    evil = "</script><b>"
    given = [
        answer("tabby/10.jpg", WIDE, "daisy", probability=0.9),
        FAILURE,
        answer("x/9.jpg", WIDE, "tabby", probability=0.8),
        answer("y/1.jpg", WIDE, evil, probability=0.7),
        answer("x/2.jpg", WIDE, "tabby", probability=0.3, min_confidence=0.5),
    ]
    drawn(path, given)
    names = (
        "[...document.querySelectorAll('figure')].filter(f => f.checkVisibility())"
        ".map(f => f.querySelector('.name').title.slice(0, 8))"
    )
    with browsing(tmp_path / "profile") as browser:
        browser.open(path.as_uri())
        first = browser.evaluate(names)
        assert [name[:5] for name in first[:1] + first[2:]] == [
            *("tabby", "x/9.j", "y/1.j", "x/2.j"),
        ]
        orders = browser.evaluate(
            "[...document.querySelectorAll('option')].map(o => o.text)"
        )
        assert orders == [
            *("as given", "least sure first", "by class", "by name", "all (5)"),
            *("where the folder says otherwise (1)", "unsure (1)"),
            *("could not be read (1)", f"{evil} (1)", "daisy (1)", "tabby (1)"),
        ]
        browser.press("Tab")
        browser.press("ArrowDown")
        found = browser.evaluate(names)
        assert found[:4] == ["x/2.jpg", "y/1.jpg", "x/9.jpg", "tabby/10"]
        assert found[4] == first[1]
        browser.press("ArrowDown")
        assert browser.evaluate(names)[:3] == ["y/1.jpg", "tabby/10", "x/9.jpg"]
        browser.press("Tab")
        browser.press("End")
        assert browser.evaluate(names) == ["x/9.jpg"]
        assert browser.text("output") == "1 of 5 shown"
        outside = [each for each in browser.asked if not each.startswith("data:")]
        assert outside == [path.as_uri()]
        assert browser.complaints == []


def test_the_page_runs_and_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    drawn(path, [FAILURE, answer(EVIL, WIDE, EVIL)])
    text = path.read_text("utf-8")
    page = Page(text)
    assert page.all("script") == [{}]  # its own, which the policy names by its hash
    script = re.findall(r"<script>(.*?)</script>", text, re.S)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert not page.all("b")
    assert not page.all("link")
    (policy,) = (meta for meta in page.all("meta") if "http-equiv" in meta)
    assert "default-src 'none'" in str(policy["content"])
    assert str(policy["content"]).endswith(f"script-src 'sha256-{digest}'")
    assert all(str(img["src"]).startswith("data:image/") for img in page.all("img"))
    outside = [
        word
        for _, attributes in page.tags
        for name, word in attributes.items()
        if name.startswith("on") or (word or "").startswith(("http", "//"))
    ]
    assert outside == []
    assert r"\n\x1b\udcff&amp;amp;.jpg" in text


def test_the_page_is_written_image_by_image(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    sizes = []

    def predictions() -> Iterator[Prediction]:
        noise = np.random.default_rng(0).integers(0, 256, (180, 240, 3), np.uint8)
        content = encoded(Image.fromarray(noise))
        for _ in range(4):
            yield answer("a.jpg", content)
            (temporary,) = tmp_path.iterdir()
            sizes.append(temporary.stat().st_size)

    list(draw_sheet(path, [], MODEL)(predictions()))
    assert sizes[0] < sizes[1] < sizes[2] < sizes[3]
    assert sizes[0] > 10_000


def test_empty_sheets_and_unusual_names_can_be_drawn(tmp_path: Path) -> None:
    drawn(tmp_path / "none.html", [])
    drawn(tmp_path / "odd.html", [answer(EVIL * 9, WIDE, EVIL * 9, "長い"), FAILURE])
    assert sorted(os.listdir(tmp_path)) == ["none.html", "odd.html"]


def test_a_failure_leaves_the_old_sheet(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    drawn(path, [FAILURE])
    old = path.read_bytes()

    def predictions() -> Iterator[Prediction]:
        yield answer("a.jpg", WIDE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(draw_sheet(path, [], MODEL)(predictions()))
    flow = draw_sheet(path, [], MODEL)([answer("a.jpg", WIDE)] * 2)
    next(flow)
    flow.close()  # as when what comes after it fails
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]


def test_only_earlier_sheets_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.html"
    path.touch()  # holds nothing to lose
    drawn(path, [FAILURE])
    drawn(path, [FAILURE, FAILURE])
    for content in (WIDE, b"<!DOCTYPE html>\n<title>cnnxfer</title>"):
        path.write_bytes(content)
        with pytest.raises(
            ConfigError, match=r"not a contact sheet .* remove it first"
        ):
            check_sheet(path, [])
        assert path.read_bytes() == content


def test_a_sheet_that_is_also_an_input_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    drawn(path, [FAILURE])
    with pytest.raises(ConfigError, match=r"^sheet .* is one of the inputs"):
        check_sheet(path, [str(path)])


def test_an_impossible_path_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"suffix should be .html. Use: .*sheet.html"):
        check_sheet(tmp_path / "sheet.png", [])
    with pytest.raises(ConfigError, match="there is no folder"):
        check_sheet(tmp_path / "no" / "sheet.html", [])


def test_thumbnails_are_upright_uncropped_and_over_white(tmp_path: Path) -> None:
    halves = np.zeros((600, 900, 3), np.uint8)
    halves[:, :450] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned = encoded(Image.fromarray(halves), "JPEG", exif=exif)
    small = shown_picture(answer("a.jpg", turned))
    assert small is not None
    assert (small.mode, small.size) == ("RGB", (120, 180))
    rows = np.asarray(small).mean((1, 2))
    assert rows[20] > 250
    assert rows[160] < 5
    clear = shown_picture(answer("a.png", encoded(Image.new("RGBA", (30, 20)))))
    assert clear is not None
    assert clear.size == (30, 20)
    assert np.asarray(clear).min() == 255


def test_a_thumbnail_shows_its_frame() -> None:
    colours = ["red", "lime", "blue"]
    frames = [Image.new("RGB", (20, 20), colour) for colour in colours]
    gif = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for number, pixel in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        small = shown_picture(answer("a.gif", gif, frame=number))
        assert small is not None
        assert small.getpixel((10, 10)) == pixel


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames_read_in_order_equal_frames_read_alone(kind: str) -> None:
    random = np.random.default_rng(0)
    frames = [
        Image.fromarray(random.integers(0, 256, (24, 32, 4), np.uint8))
        for _ in range(5)
    ]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    reads = 0

    def read() -> bytes:
        nonlocal reads
        reads += 1
        return content

    first = answer("a", content)
    source = ImageSource("a", read)
    reader = ThumbnailReader(240, 180)
    # Going back, and the same once more, are right too.
    for number in (0, 1, 2, 4, 4, 3):
        asked = replace(first, frame=number, source=source)
        alone = shown_picture(asked)
        before = reads
        shown = read_thumbnail(reader, asked)
        assert shown is not None
        assert alone is not None
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(alone))
        assert reads - before == (number in (0, 3))
    other = replace(asked, source=ImageSource("b", source.read))
    assert read_thumbnail(reader, other) is not None
    assert reads == before + 2


@pytest.mark.parametrize("content", [b"", b"no image", WIDE[: len(WIDE) // 2]])
def test_an_image_that_changed_meanwhile_is_left_out(
    tmp_path: Path, content: bytes
) -> None:
    prediction = answer("a.jpg", content)
    assert shown_picture(prediction) is None
    path = tmp_path / "sheet.html"
    drawn(path, [prediction])
    assert "no picture" in Page(path.read_text("utf-8")).texts


def test_a_deleted_image_is_left_out(tmp_path: Path) -> None:
    path = str(tmp_path / "gone.jpg")
    gone = replace(answer("a.jpg", WIDE), path=path, source=file_source(path))
    assert shown_picture(gone) is None
