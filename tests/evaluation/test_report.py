"""Tests that a report shows what is known of a run, and nothing harmful."""

import base64
import dataclasses
import hashlib
import io
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from html_page import Page
from PIL import Image
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import SPLITS, Example
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.evaluation.answered import Answered
from cnnxfer.evaluation.report.data_summary import summarize_data
from cnnxfer.evaluation.report.galleries import (
    ShownAnswer,
    draw_answers,
    galleries_of,
)
from cnnxfer.evaluation.report.measured import MeasuredPart
from cnnxfer.evaluation.report.page import Content, write_report
from cnnxfer.evaluation.report.pdf import find_browser, print_pdf
from cnnxfer.evaluation.report.two_runs import (
    changed_answers,
    class_pairs,
    compare_parts,
)
from cnnxfer.pages.thumbnails import data_url
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.boxes.detection import AllObjects
from cnnxfer.tasks.classification import BestClass
from cnnxfer.tasks.task import Decision

EVIL = '"><script>alert(1)</script>\n\x1b\udcff&amp;.jpg'


def measured(
    decision: Decision,
    names: tuple[str, ...],
    found: list[np.ndarray],
    examples: list[Example],
) -> MeasuredPart:
    figures, right = decision.measure(names, found, examples)
    sizes = ((100, 80),) * len(examples)
    return MeasuredPart(
        "validation",
        names,
        Answered(tuple(examples), sizes, found, 0),
        decision,
        figures,
        right,
        decision.quality(found, examples),
        decision.confidence(found),
    )


def images(page: Page) -> list[np.ndarray]:
    shown = []
    for image in page.all("img"):
        data = base64.b64decode(str(image["src"]).partition(",")[2])
        with Image.open(io.BytesIO(data)) as picture:
            shown.append(np.asarray(picture.convert("RGB"), int))
    return shown


def test_the_page_shows_the_run_and_its_answers(
    colour_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def heat(run: Run, answers: list[ShownAnswer], reporter: Reporter) -> dict:
        """Stands for heat maps, which need a network that has a backbone."""
        assert run == colour_run
        red = data_url(Image.new("RGB", (9, 9), "red"))
        return {answer.example.id: red for answer in answers}

    monkeypatch.setattr("cnnxfer.evaluation.report.of_run.draw_heat", heat)
    rows = colour_run.split
    wrong = next(row for row in rows if row.split == "validation")
    other = {"blue": "green", "green": "red", "red": "blue"}[wrong.label]
    relabelled = dataclasses.replace(wrong, label=other)
    colour_run.write_split([relabelled if row is wrong else row for row in rows])
    colour_run.add_history(
        *(
            {"phase": "frozen", "epoch": epoch, "loss": 1 / epoch, "val_loss": 0.5}
            for epoch in (1, 2)
        )
    )
    for _ in range(2):  # the second time over its own page, from kept answers
        path = cnnxfer.report(colour_run)
    assert path == colour_run.path / "report.html"
    text = path.read_text("utf-8")
    page = Page(text)
    assert not page.open
    texts = " ".join(page.texts)
    assert "mobilenet-0.25 learned classification of 3 classes from" in texts
    assert "those of the validation images" in texts
    sizes = Counter(row.split for row in rows)
    assert f"test {sizes['test']} not measured" in texts
    assert "wrong answers , lowest probability of its label first: 1 " in texts
    assert f"labelled {other}; probability of its label 0." in texts
    assert "right answers , highest probability of its label first: " in texts
    assert f"least sure answers , in order: {sizes['validation']} " in texts
    assert 'backbone = "mobilenet-0.25"' in [
        line for text in page.texts for line in text.splitlines()
    ]
    assert f"cnnxfer.train(config='{colour_run.path}/config.toml')" in texts
    assert "sortable" in [each.get("class") for each in page.all("table")]
    weakest_first = texts.partition("ROC-AUC AP ")[2].split()
    assert weakest_first[0] in (wrong.label, other)
    assert len(page.all("polyline")) >= 3
    # Right and wrong and the unsure, samples, and heat where the wrong one is shown.
    assert "what speaks for the first class" in texts
    pictures = [each for each in images(page) if each.shape != (9, 9, 3)]
    assert len(pictures) == 2 * sizes["validation"] + 4 * 3
    # Only its own script runs, and nothing is loaded.
    script = text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(tag for tag in page.all("meta") if "http-equiv" in tag)
    assert str(policy["content"]).startswith("default-src 'none'; img-src data:")
    assert str(policy["content"]).endswith(f"script-src 'sha256-{digest}'")
    assert "://" not in text


def test_without_images_the_page_has_the_rest(
    colour_run: Run, photos_dir: Path
) -> None:
    shutil.move(photos_dir, photos_dir.with_name("moved"))
    reporter = RecordingReporter()
    path = cnnxfer.report(colour_run, reporter=reporter)
    page = Page(path.read_text("utf-8"))
    assert not page.all("img")
    texts = " ".join(page.texts)
    assert "No pictures, and no figures of classes: " in texts
    count = Counter(row.split for row in colour_run.split if row.label == "green")
    assert f"green {' '.join(str(count[split]) for split in SPLITS)}" in texts
    assert any("the page has no pictures" in warning for warning in reporter.warnings)
    (photos_dir.parent / "empty").mkdir()
    with pytest.raises(DataError, match="empty"):
        cnnxfer.report(colour_run, data=photos_dir.parent / "empty")
    moved = cnnxfer.report(colour_run, data=photos_dir.with_name("moved"))
    assert Page(moved.read_text("utf-8")).all("img")


def test_what_cannot_be_reported_is_an_error(colour_run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="have not been measured"):
        cnnxfer.report(colour_run, part="test")
    (tmp_path / "notes.html").write_text("mine")
    with pytest.raises(ConfigError, match=r"not written by cnnxfer report\. Name"):
        cnnxfer.report(colour_run, out=tmp_path / "notes.html")
    with pytest.raises(ConfigError, match=r"expected a name in \.html"):
        cnnxfer.report(colour_run, out=tmp_path / "report.pdf")
    with pytest.raises(ConfigError, match="no run called 'none'"):
        cnnxfer.report("none", runs_dir=tmp_path)
    colour_run.model_path.unlink()
    with pytest.raises(RunError, match="has no trained model yet"):
        cnnxfer.report(colour_run)


def test_hostile_texts_are_shown_literally(colour_run: Run, tmp_path: Path) -> None:
    gone = Example(EVIL, Labels((0,)), None, tmp_path / "none")
    names = (EVIL, "b")
    part = measured(BestClass(), names, [np.array([0.7, 0.3])], [gone])
    galleries = galleries_of(part)
    shown = [answer for gallery in galleries for answer in gallery.answers]
    data = summarize_data(names, {"train": [gone], "validation": [], "test": []})
    pictures = draw_answers(shown, names, Reporter(), 9)
    content = Content([EVIL], part, galleries, pictures, data)
    colour_run.update_receipt(command=EVIL)
    write_report(colour_run, content, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert not {tag for tag, _ in Page(text).tags} & {"link", "iframe", "a"}
    assert text.count("<script>") == 1
    assert "\x1b" not in text
    assert "no picture" in text


def test_found_and_labelled_boxes_stand_side_by_side(
    colour_run: Run, tmp_path: Path
) -> None:
    """The worst image comes first, and each picture has its own boxes."""
    examples = []
    for name in ("missed", "found"):
        Image.new("RGB", (100, 80), "white").save(tmp_path / f"{name}.png")
        known = Objects((LabelledBox(0, (10, 10, 50, 60)),), 100, 80)
        examples.append(Example(name, known, None, tmp_path / f"{name}.png"))
    answers = [[60, 20, 90, 60, 0.9, 0], [10, 10, 50, 60, 0.8, 0]]
    found = [np.array([answer], np.float32) for answer in answers]
    part = measured(AllObjects(("cat",), 0.5), ("cat",), found, examples)
    wrong, right, _ = galleries_of(part)
    assert [answer.example.id for answer in wrong.answers] == ["missed"]
    assert [answer.quality for answer in right.answers] == [1]
    pictures = draw_answers(wrong.answers, ("cat",), Reporter(), 9)
    content = Content((), part, [wrong], pictures)
    write_report(colour_run, content, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text("utf-8"))
    labelled, answered = images(page)
    left = [(255 - picture[:, :55]).sum() for picture in (labelled, answered)]
    assert left[0] > 5 * left[1]
    assert "precision by recall, at an overlap of 0.5 (validation)" in page.texts
    assert "cat answered as (nothing): 1 (50.0%)" in page.texts


def test_a_page_is_printed_by_the_browser_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="pdf needs a browser"):
        find_browser()
    browser = tmp_path / "google-chrome"
    browser.write_text(
        "#!/bin/sh\nfor word; do case $word in\n"
        '--print-to-pdf=*) echo printed > "${word#--print-to-pdf=}";;\nesac; done\n'
    )
    browser.chmod(0o755)
    assert find_browser() == str(browser)
    page = tmp_path / "page.html"
    print_pdf(str(browser), page, tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_text() == "printed\n"
    browser.write_text("#!/bin/sh\necho no display >&2\nexit 1\n")
    with pytest.raises(RunError, match=r"has not printed .*page\.html: no display"):
        print_pdf(str(browser), page, tmp_path / "other.pdf")
    assert not (tmp_path / "other.pdf").exists()


def test_labels_that_are_probably_wrong_come_first(tmp_path: Path) -> None:
    """Twelve images of each of two classes, of which one has the other's label."""
    labels = [0] * 12 + [1] * 12
    found = [np.array([0.9, 0.1] if label == 0 else [0.2, 0.8]) for label in labels]
    found[3] = np.array([0.05, 0.95])
    examples = [
        Example(f"#{at}.jpg", Labels((label,)), None, tmp_path / "none")
        for at, label in enumerate(labels)
    ]
    suspects = galleries_of(measured(BestClass(), ("cat", "dog"), found, examples))[0]
    assert (suspects.kind, suspects.count) == ("warning", 1)
    assert suspects.listed == ('"#3.jpg"',)  # as a list for `exclude` has it
    assert suspects.answers[0].answer.labels == ("dog",)


def test_two_runs_are_compared_on_the_same_images(
    colour_run: Run, tmp_path: Path
) -> None:
    """The other run has its classes in another order, and trains on one more image."""
    other = Run(tmp_path / "runs" / "other")
    shutil.copytree(colour_run.path, other.path)
    other.write_classes(colour_run.class_names[::-1])
    moved = next(row for row in other.split if row.split == "validation")
    other.write_split(
        dataclasses.replace(row, split="train") if row == moved else row
        for row in colour_run.split
    )
    path = cnnxfer.report(colour_run, other)
    assert path == colour_run.path / "report-other.html"
    page = Page(path.read_text("utf-8"))
    assert not page.open
    texts = " ".join(page.texts)
    count = sum(row.split == "validation" for row in colour_run.split) - 1
    assert f"{count} validation images of both runs, with the same labels" in texts
    assert "1 others left out" in texts
    assert "validation accuracy: B is " in texts
    assert "only A is right" in texts
    other.write_config(dataclasses.replace(other.config, task="detection"))
    with pytest.raises(ConfigError, match="only runs of one task"):
        cnnxfer.report(colour_run, other)


def test_a_gain_that_could_be_chance_is_called_so(tmp_path: Path) -> None:
    names, labels = ("cat", "dog"), [0] * 10 + [1] * 10
    examples = [
        Example(str(at), Labels((label,)), None, tmp_path / "none")
        for at, label in enumerate(labels)
    ]
    sure = [np.eye(2)[label] for label in labels]
    worse = [
        np.eye(2)[1 - label] if at in (0, 1, 2, 19) else np.eye(2)[label]
        for at, label in enumerate(labels)
    ]
    parts = [measured(BestClass(), names, found, examples) for found in (sure, worse)]
    result = compare_parts(*parts)
    assert (result.gained, result.lost) == (0, 4)
    assert result.verdict == (
        "validation accuracy: B is 20.0 points worse than A; 0 images became right, "
        "4 wrong: could be chance"
    )
    assert [pair.name for pair in class_pairs(*parts)] == ["cat", "dog"]
    (changed,) = changed_answers(*parts)
    assert (changed.kind, changed.title, changed.count) == (
        "wrong",
        "only A is right",
        4,
    )
