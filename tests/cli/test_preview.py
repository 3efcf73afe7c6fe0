import json
from pathlib import Path

import pytest
from PIL import Image

from cnnxfer.cli.main import run


def test_preview(
    photos_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "preview.png"
    command = ["preview", str(photos_dir), "--augment", "strong", "--out", str(out)]
    assert run([*command, "--images", "3", "--views", "2", "--image-size", "64"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    with Image.open(out) as image:
        width, height = image.size
    assert (width, height) == (12 + 3 * 140, 52 + 3 * 160)  # twice as large


def test_boxes_and_masks_follow_the_settings_of_their_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (60, 40), "white").save(tmp_path / "a.png")
    table = tmp_path / "boxes.csv"
    table.write_text("path,label,xmin,ymin,xmax,ymax\na.png,cat,10,10,50,30\n")
    out = tmp_path / "preview.png"
    command = ["preview", str(table), "--out", str(out), "--image-size", "96"]
    assert run([*command, "--json", "--views", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == "boxes"
    with Image.open(out) as sheet:  # stretched, as one box is learned
        assert sheet.getpixel((12 + 48, 52 + 8)) == (255, 255, 255)
    assert run([*command, "--fit", "letterbox", "--views", "1"]) == 0
    with Image.open(out) as sheet:
        assert sheet.getpixel((12 + 48, 52 + 8)) == (128, 128, 128)
        assert sheet.getpixel((12 + 48, 52 + 21)) == (255, 255, 255)
    capsys.readouterr()
    assert run([*command, "--augment", "cifar"]) == 2
    assert "Use --augment boxes, or" in capsys.readouterr().err


def test_json(
    photos_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"data = '{photos_dir}'\nimage_size = 64\n[augment]\nhue = 20")
    out = tmp_path / "preview.png"
    command = ["preview", "--config", str(config), "--out", str(out), "--json"]
    assert run([*command, "--images", "2", "--seed", "3"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == str(out)
    assert (document["level"], document["image_size"]) == ("light", 64)
    assert document["labels"] == ["blue", "green"]
    assert len(document["images"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--augment", "stong"], "--augment is 'stong'. Did you mean 'strong'?"),
        (["--images", "0"], "--images is 0; it must be from 1 to 50."),
        (["--image-size", "4"], "--image-size is 4; efficientnet-lite0 needs at least"),
        (["--out", "preview.jpg"], "--out is preview.jpg; its suffix should be .png."),
        (["--out", "none/preview.png"], "there is no folder none. Make it first."),
        (["--out", "photos/red/a.png"], "lies in photos, where images are looked for"),
        (["--out", "mine.png"], "is not a preview of cnnxfer"),
    ],
)
def test_wrong_options_are_reported_before_any_work(
    photos_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(photos_dir.parent)
    Image.new("RGB", (4, 4)).save("mine.png")
    mine = Path("mine.png").read_bytes()
    assert run(["preview", "photos", *options]) == 2
    assert message in capsys.readouterr().err
    assert Path("mine.png").read_bytes() == mine
    assert not Path("preview.png").exists()


def test_a_preview_of_no_data_says_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["preview", "--images", "1", "--views", "1"]) == 0
    shown = capsys.readouterr().err
    assert shown.startswith("no data is named, so this shows how it works")
    assert "Name your own: cnnxfer preview FOLDER\n" in shown
