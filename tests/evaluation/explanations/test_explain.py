"""What is explained is what predict answers, and where the picture shows it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from html_page import Page
from PIL import Image
from recording_reporter import RecordingReporter
from spot_classifier import spots

import cnnxfer
from cnnxfer.cli.main import run
from cnnxfer.errors import ConfigError
from cnnxfer.runs import Run


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A wide picture of a green and a red spot, no picture, and a red one."""
    monkeypatch.chdir(tmp_path)
    wide = Image.new("RGB", (96, 32), (60, 60, 60))
    wide.paste(Image.fromarray(spots(green=(5, 3), red=(2, 6))), (32, 0))
    wide.save("wide.png")
    Path("none.png").write_text("nothing")
    Image.new("RGB", (40, 40), (200, 20, 20)).save("red.png")
    return ["wide.png", "none.png", "red.png"]


def test_the_answer_of_predict_is_explained(spot_run: Run, pictures: list[str]) -> None:
    spot_run.write_fitted({}, temperature=0.5)
    options: Any = {"model": spot_run, "engine": "keras", "reporter": None}
    found = cnnxfer.explain(pictures, top=2, **options)
    predicted = list(cnnxfer.predict(pictures, **options))
    assert [each.prediction for each in found] == predicted
    for each, answer in zip(found, predicted, strict=True):
        ranked = [explained.ranked for explained in each.classes]
        assert ranked == list(getattr(answer.answer, "ranking", ()))[:2]
    wide, none, red = found
    assert wide.prediction.top.probability == wide.classes[0].ranked.probability
    assert none.classes == ()
    assert none.prediction.error
    assert red.classes[0].caption.startswith("red ")
    # The wide one is as green as red: both are seen where they are.
    for number, explained in enumerate(wide.classes):
        across, down = {"green": (5, 3), "red": (2, 6)}[explained.ranked.label]
        heat = wide.heat(number)
        assert heat.shape == (32, 96)
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        assert (int(column - 32) // 4, int(row) // 4) == (across, down)


def test_pictures_and_figures_are_written(
    spot_run: Run, pictures: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(spot_run.path), "--engine", "keras"]
    command = ["explain", *pictures, *model, "--class", "GREEN"]
    assert run([*command, "--json"]) == 3
    shown = capsys.readouterr()
    wide, none, red = json.loads(shown.out)
    assert (none["path"], set(none)) == ("none.png", {"path", "error"})
    assert [each["label"] for each in wide["classes"] + red["classes"]] == ["green"] * 2
    assert "2 pictures explained in explanations" in shown.err
    names = ["red-explained.png", "wide-explained.png"]
    assert sorted(path.name for path in Path("explanations").iterdir()) == names
    with Image.open("explanations/wide-explained.png") as picture:
        assert picture.width > 2 * 96  # the picture, and the picture with heat
        first = np.asarray(picture)[12:44, 12:108]
        np.testing.assert_array_equal(first, np.asarray(Image.open("wide.png")))
    assert run([*command, "--out", "all.html", "-q"]) == 3
    shown = capsys.readouterr()
    assert "wide.png" in shown.out
    page = Page(Path("all.html").read_text("utf-8"))
    assert len(page.all("img")) == 4
    assert all(str(each["src"]).startswith("data:image/") for each in page.all("img"))
    assert "not an image" in page.texts


def test_the_nearest_training_images_are_shown(spot_run: Run, photos_dir: Path) -> None:
    reporter = RecordingReporter()
    known = {row.id: row.label for row in spot_run.split if row.split == "train"}
    own = next(name for name, label in known.items() if label == "red")
    (found,) = cnnxfer.explain(
        photos_dir / own, model=spot_run, nearest=3, engine="keras", reporter=reporter
    )
    assert found.neighbours[0].example.id == own
    assert found.neighbours[0].distance < 1e-4
    assert {each.labels for each in found.neighbours} == {("red",)}
    assert found.neighbours[1].distance <= found.neighbours[2].distance
    assert all(each.example.id in known for each in found.neighbours)
    assert found.as_json()["nearest"][0]["id"] == own


def test_mistakes_of_users_are_told_at_once(spot_run: Run, pictures: list[str]) -> None:
    def message(*inputs: str, **options: object) -> str:
        with pytest.raises(ConfigError) as caught:
            cnnxfer.explain(inputs or "red.png", reporter=None, **options)
        return str(caught.value)

    assert message(model=spot_run, classes=["gren"]) == (
        f"class is 'gren', and {spot_run.path} has no such class. Did you mean 'green'?"
    ).replace("class is", "classes is", 1)
    assert "has 2 classes called 'crane'. Name one by its id: " in message(
        model="efficientnet-lite0", classes="crane"
    )
    assert message(model=spot_run, top=4) == (
        "top is 4; it must be 1 to 3, the number of classes."
    )
    assert "is a backbone with its ImageNet head" in message(
        model="efficientnet-lite0", nearest=2
    )
    assert "Good ones are conv and end." in message(model=spot_run, layer="pool")
    assert "where images are looked for" in message(".", model=spot_run, out="inside")
    Path("page.html").write_text("mine")
    assert "was not written by cnnxfer explain" in message(
        model=spot_run, out="page.html"
    )
