"""What the channels of a layer see is cut out of the images where it is."""

import json
from pathlib import Path

import numpy as np
import pytest
from html_page import Page
from PIL import Image
from spot_classifier import BLUE, GREEN, RED, spots

import cnnxfer
from cnnxfer.cli.main import run
from cnnxfer.errors import ConfigError
from cnnxfer.runs import Run


@pytest.fixture
def spotted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve pictures in two classes, with a red and a green spot, and no picture."""
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        folder = tmp_path / "spotted" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        view = spots(green=(number % 8, 1), red=(7 - number % 8, 6))
        if number == 5:  # the strongest green
            view[4:8, 20:24] = (0, 255, 0)
        Image.fromarray(view).save(folder / f"{number:02d}.png")
    (tmp_path / "spotted" / "a" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "spotted"


def test_channels_are_shown_where_they_are_strongest(
    spot_run: Run, spotted: Path
) -> None:
    found = cnnxfer.explain_layer("conv", model=spot_run, data=spotted, reporter=None)
    assert (found.layer, found.images, found.field_size) == ("conv", 12, (4, 4))
    assert {each.number for each in found.channels} == {BLUE, GREEN, RED}
    assert found.channels[-1].number == BLUE  # there is none
    channels = {each.number: each.patches for each in found.channels}
    assert [len(patches) for patches in channels.values()] == [9, 9, 9]
    best = channels[GREEN][0]
    assert (best.id, best.box) == ("b/05.png", (20, 4, 24, 8))
    np.testing.assert_array_equal(best.pixels, np.full((4, 4, 3), (0, 255, 0)))
    assert best.map.shape == (8, 8)
    assert best.map[1, 5] == best.map.max() == pytest.approx(best.activation)
    assert best.activation > channels[GREEN][1].activation
    assert len({each.id for each in channels[RED]}) == 9  # one of each image
    for patch in channels[RED]:
        assert tuple(patch.pixels.mean((0, 1))) == (250, 0, 0)
    assert found.filters is not None
    assert found.filters.shape == (3, 4, 4, 3)
    assert found.filters[RED, 0, 0].tolist() == [255, 0, 0]


def test_pictures_of_channels_are_written(
    spot_run: Run, spotted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["explain", "--model", str(spot_run.path), "--data", str(spotted)]
    assert run([*command, "--json"]) == 0  # of the first convolution
    document = json.loads(capsys.readouterr().out)
    assert document["layer"] == "conv"
    names = {"filters.png", *(f"channel-00{number}.png" for number in range(3))}
    assert {path.name for path in Path("explanations").iterdir()} == names
    with Image.open("explanations/channel-001.png") as picture:
        assert picture.getpixel((60, 60)) == (0, 255, 0)  # inside the first patch
    # Those of the run itself, at a later layer, which has no filters.
    assert run([*command[:3], "--layer", "end", "--out", "all.html"]) == 0
    assert capsys.readouterr().out.split()[:3] == ["channel", "strongest", "in"]
    page = Page(Path("all.html").read_text("utf-8"))
    assert [each["alt"][:7] for each in page.all("img")] == ["channel"] * 3
    assert "what end of " in page.texts[0]


def test_what_cannot_be_shown_is_told(
    spot_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        cnnxfer.explain_layer("cov", model=spot_run, reporter=None)
    assert str(caught.value) == (
        "layer is 'cov', and mobilenet-0.25 has no layer of that name with maps. Did "
        "you mean 'conv'? All: cnnxfer backbones show mobilenet-0.25 --layers"
    )
    with pytest.raises(ConfigError, match="a backbone without images of its own"):
        cnnxfer.explain_layer(model="efficientnet-lite0", reporter=None)
    assert run(["explain", "--model", str(spot_run.path), "--top", "2"]) == 2
    assert capsys.readouterr().err == (
        "error: --top is for pictures, and none is named. Name some, or leave it out.\n"
    )
