import json
from pathlib import Path

import pytest

from cnnxfer.cli.main import run
from cnnxfer.runs import Run


@pytest.fixture
def pile(
    colour_run: Run, photos_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Three photographs with two files that cannot be read between them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    Path("notes [1].txt").write_text("no image")
    Path("gone.jpg").symlink_to("nowhere")
    return [
        "photos/red/00.jpg",
        "notes [1].txt",
        "photos/blue/00.jpg",
        "gone.jpg",
        "photos/green/00.jpg",
    ]


def test_table(
    pile: list[str], colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", *pile, "--top", "1"]) == 3
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[0] == ["image", "rank", "class", "probability"]
    assert rows[1][:3] == ["photos/red/00.jpg", "1", "red"]
    assert rows[2] == ["notes", "[1].txt", "not", "an", "image"]
    assert rows[3][:3] == ["photos/blue/00.jpg", "1", "blue"]
    assert rows[4] == ["gone.jpg", "no", "such", "file", "or", "directory"]
    assert rows[5][:3] == ["photos/green/00.jpg", "1", "green"]
    assert shown.err.splitlines() == [
        f"model: runs/{colour_run.name}",
        "engine: keras, float32",
        "predicting",
        "warning: 2 images could not be read.",
    ]


def test_jsonl(pile: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", *pile, "--format", "jsonl", "-q"]) == 3
    shown = capsys.readouterr()
    documents = [json.loads(line) for line in shown.out.splitlines()]
    assert [document["path"] for document in documents] == pile
    assert documents[1] == {"path": "notes [1].txt", "error": "not an image"}
    assert documents[3] == {"path": "gone.jpg", "error": "no such file or directory"}
    assert documents[2].keys() == {"path", "width", "height", "predictions"}
    ranked = documents[2]["predictions"]
    assert [entry["rank"] for entry in ranked] == [1, 2, 3]  # of three classes
    assert ranked[0]["class_id"] == ranked[0]["label"] == "blue"
    assert 0.5 < ranked[0]["probability"] <= 1
    assert shown.err == "warning: 2 images could not be read.\n"


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_json_is_one_document(
    pile: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", *pile[:1], "photos/green", *option]) == 0
    shown = capsys.readouterr()
    documents = json.loads(shown.out)
    assert [document["path"] for document in documents] == [
        pile[0],
        *(f"photos/green/{number:02d}.jpg" for number in range(12)),
    ]
    assert {document["predictions"][0]["label"] for document in documents[1:]} == {
        "green"
    }


def test_a_model_that_is_named_is_not_announced(
    pile: list[str], colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", pile[0], "--model", colour_run.name]) == 0
    assert capsys.readouterr().err == "engine: keras, float32\npredicting\n"


def test_the_engine_and_its_precision_can_be_chosen(
    pile: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", pile[0], "--engine", "openvino", "--precision", "float32"]
    assert run(command) == 0
    shown = capsys.readouterr()
    assert "engine: openvino, float32\n" in shown.err
    assert "red" in shown.out
    assert run(["predict", pile[0], "--engine", "opnvino"]) == 2
    assert "Did you mean 'openvino'?" in capsys.readouterr().err


def test_imagenet_classes_of_a_backbone(
    pile: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", pile[0], "-m", "EfficientNet_Lite0", "--format", "jsonl"]
    assert run([*command, "--top", "1000", "-q"]) == 0
    shown = capsys.readouterr()
    ranked = json.loads(shown.out)["predictions"]
    assert len({entry["class_id"] for entry in ranked}) == 1000
    assert sum(entry["probability"] for entry in ranked) == pytest.approx(1, abs=1e-3)
    assert shown.err == ""


def test_photographs_are_recognized(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the built-in weights, one photograph each of well-known classes."""
    ids = ["n01580077", "n01806143", "n01873310", "n02128757"]
    globs = [str(shared / "data/imagenet100" / f"{class_id}_*") for class_id in ids]
    command = ["predict", *globs, "-m", "efficientnet-lite0", "--json", "--top", "1"]
    assert run(command) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [document["predictions"][0]["class_id"] for document in documents] == ids


def test_a_run_that_has_no_model_says_how_to_get_one(
    pile: list[str], colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    colour_run.model_path.unlink()
    assert run(["predict", pile[0]]) == 1
    assert "has no trained model yet. Go on with: cnnxfer resume" in (
        capsys.readouterr().err
    )
