import csv
import gzip
import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from io import BytesIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from colours import COLOURS, make_multi_label
from PIL import Image
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.cli.main import run
from cnnxfer.cli.terminal import TerminalReporter
from cnnxfer.prediction.answers import Answer
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.outputs.folder import FileAdder
from cnnxfer.runs import Run

SEEN = "; these do not show how it performs on new images."
FAILED = "2 images could not be read: 1 not an image, 1 no such file or directory."


def mark_images_as_new(run: Run) -> None:
    """Moves all images to the test split, on which the run was not trained."""
    run.write_split([replace(row, split="test") for row in run.split])


@pytest.fixture
def inputs(
    colour_run: Run, photos_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Paths of three images, and of two files that cannot be read between them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    mark_images_as_new(colour_run)
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
    inputs: list[str], colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", *inputs, "--top", "1"]) == 3
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
        "predicting",
        "1 red, 1 blue, 1 green",
        shown.err.splitlines()[3],
        f"warning: {FAILED}",
    ]
    assert re.fullmatch(r"5 images in \d.*", shown.err.splitlines()[3])


def test_jsonl(inputs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", *inputs, "--format", "jsonl", "-q"]) == 3
    shown = capsys.readouterr()
    documents = [json.loads(line) for line in shown.out.splitlines()]
    assert [document["path"] for document in documents] == inputs
    assert documents[1] == {"path": "notes [1].txt", "error": "not an image"}
    assert documents[3] == {"path": "gone.jpg", "error": "no such file or directory"}
    keys = {"path", "width", "height", "split", "predictions"}
    assert documents[2].keys() == keys
    ranked = documents[2]["predictions"]
    assert [entry["rank"] for entry in ranked] == [1, 2, 3]  # of three classes
    assert ranked[0]["class_id"] == ranked[0]["label"] == "blue"
    assert 0.5 < ranked[0]["probability"] <= 1
    assert shown.err == f"warning: {FAILED}\n"


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_json_is_one_document(
    inputs: list[str], option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", *inputs[:1], "photos/green", *option]) == 0
    shown = capsys.readouterr()
    documents = json.loads(shown.out)
    assert [document["path"] for document in documents] == [
        inputs[0],
        *(f"photos/green/{number:02d}.jpg" for number in range(12)),
    ]
    assert {document["predictions"][0]["label"] for document in documents[1:]} == {
        "green"
    }


def test_images_that_the_run_knows_are_reported(
    inputs: list[str], colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are known by their content, also when an unfinished file is resumed."""
    splits = {"red/00.jpg": "train", "blue/00.jpg": "train", "green/00.jpg": "test"}
    splits |= dict.fromkeys(["red/01.jpg", "red/02.jpg"], "validation")
    colour_run.write_split(
        [replace(row, split=splits.get(row.id, "test")) for row in colour_run.split]
    )
    Path("photos/red/01.jpg").rename("other-name.jpg")
    command = ["predict", *inputs, "other-name.jpg", "-q", "--out", "out.jsonl"]
    warning = (
        f"warning: 2 of 6 images were in the training split of {colour_run.name} and 1 "
        f"in its validation split{SEEN}\n"
    )
    for resume in ([], ["--resume"]):
        assert run([*command, *resume]) == 3
        assert capsys.readouterr().err == f"{warning}warning: {FAILED}\n"
    lines = Path("out.jsonl").read_text().splitlines()
    found = [json.loads(line).get("split") for line in lines]
    assert found == ["train", None, "train", None, "test", "validation"]
    command = ["predict", "other-name.jpg", "-m", "efficientnet-lite0", "--json", "-q"]
    assert run(command) == 0
    shown = capsys.readouterr()
    assert "split" not in json.loads(shown.out)[0]
    assert shown.err == ""


def test_an_image_may_have_several_classes(
    inputs: list[str], colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    make_multi_label(colour_run, dict.fromkeys(("blue", "green", "red"), 0.99))
    Image.new("RGB", (40, 40), (200, 40, 210)).save("purple.png")
    Image.new("RGB", (40, 40), (40, 40, 40)).save("dark.png")
    command = ["predict", "purple.png", inputs[1], "dark.png", "--top", "1"]
    assert run([*command, "--copy-to", "sorted", "--json"]) == 3
    documents = json.loads(capsys.readouterr().out)
    assert [item.get("labels") for item in documents] == [["blue", "red"], None, []]
    assert [item["label"] for item in documents[0]["predictions"]] == ["blue", "red"]
    assert sum(item["probability"] for item in documents[0]["predictions"]) > 1.9
    copies = {path.as_posix() for path in Path("sorted").rglob("*.png")}
    assert copies == {
        "sorted/blue/purple.png",
        "sorted/red/purple.png",
        "sorted/none/dark.png",
    }
    dense = ["--dense", "--heatmap", "heat", "--min-confidence", "0.99996"]
    assert run([*command, *dense, "--format", "csv"]) == 3
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["answer"] for row in rows] == ["blue", "", ""]
    heat = {path.name for path in Path("heat").iterdir()}
    assert heat == {"purple-blue.png", "dark-none.png"}


def test_a_model_that_is_named_is_not_announced(
    inputs: list[str], colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", inputs[0], "--model", colour_run.name]) == 0
    assert "model:" not in capsys.readouterr().err


@pytest.mark.usefixtures("inputs")
def test_what_is_passed_over_is_counted_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("notes.txt", ".hidden.jpg", "Thumbs.db"):
        Path("photos/red", name).write_text("no image")
    Path("photos/red/00.jpg").rename("photos/red/no suffix")
    assert run(["predict", "photos/red", "--format", "csv", "--top", "1"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 1 + 12
    assert "photos/red/no suffix" in shown.out
    passed = [line for line in shown.err.splitlines() if line.startswith("passed")]
    assert passed == [
        "passed over 2 hidden or system files, such as photos/red/.hidden.jpg; "
        "1 file that is not an image, such as photos/red/notes.txt"
    ]
    images = cnnxfer.predict("photos/red", reporter=(reporter := RecordingReporter()))
    assert len(list(images)) == 12
    assert passed[0] in reporter.infos


def test_the_engine_and_its_precision_can_be_chosen(
    inputs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", inputs[0], "--engine", "openvino", "--precision", "float32"]
    assert run([*command, "-v"]) == 0
    shown = capsys.readouterr()
    assert "engine: openvino, float32\n" in shown.err
    assert "red" in shown.out
    assert run(["predict", inputs[0], "--engine", "opnvino"]) == 2
    assert "Did you mean 'openvino'?" in capsys.readouterr().err


def test_imagenet_classes_of_a_backbone(
    inputs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", inputs[0], "-m", "EfficientNet_Lite0", "--format", "jsonl"]
    assert run([*command, "--top", "1000", "-q"]) == 0
    shown = capsys.readouterr()
    ranked = json.loads(shown.out)["predictions"]
    assert len({entry["class_id"] for entry in ranked}) == 1000
    assert sum(entry["probability"] for entry in ranked) == pytest.approx(1, abs=1e-3)
    assert shown.err == ""


def test_photographs_are_recognized(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The built-in weights rank the right class of well-known images first."""
    ids = ["n01580077", "n01806143", "n01873310", "n02128757"]
    globs = [str(shared / "data/imagenet100" / f"{class_id}_*") for class_id in ids]
    command = ["predict", *globs, "-m", "efficientnet-lite0", "--json", "--top", "1"]
    assert run(command) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [document["predictions"][0]["class_id"] for document in documents] == ids


def test_a_run_that_has_no_model_says_how_to_get_one(
    inputs: list[str], colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    colour_run.model_path.unlink()
    assert run(["predict", inputs[0]]) == 1
    assert "has no trained model yet. Go on with: cnnxfer resume" in (
        capsys.readouterr().err
    )


def test_results_go_to_a_file_whose_suffix_tells_the_format(
    inputs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", *inputs, "--out", "out.csv.gz", "--top", "1"]) == 3
    with gzip.open("out.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == inputs
    assert [row["label"] for row in rows] == ["red", "", "blue", "", "green"]
    assert rows[1]["error"] == "not an image"
    assert capsys.readouterr().out == ""


def test_an_unfinished_file_is_resumed(
    inputs: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos = ["photos", *inputs]
    command = ["predict", *photos, "--engine", "keras", "--batch", "4", "-q"]
    assert run([*command, "--out", "whole.jsonl"]) == 3

    answers = Classifier.answers

    def interrupted(self: Classifier, *args: Any) -> Iterator[Answer]:
        yield from islice(answers(self, *args), 20)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "answers", interrupted)
        assert run([*command, "--out", "out.jsonl"]) == 130
    assert "after 20 images, kept in the file" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()
    assert run([*command, "--out", "out.jsonl"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert run([*command, "--out", "out.jsonl", "--resume", "--top", "2"]) == 2
    assert "made with top" in capsys.readouterr().err
    assert run([*command, "--out", "out.jsonl", "--resume", "--tta", "flip"]) == 2
    assert "made with tta none, and now it is flip" in capsys.readouterr().err
    assert run([*command, "--out", "out.jsonl", "--resume"]) == 3
    assert Path("out.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    assert not list(Path().glob("out.jsonl.*"))


def test_images_counted_at_an_interrupt_are_kept_and_not_predicted_again(
    inputs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", *inputs, "--engine", "keras", "-q"]
    command += ["--out", "out.jsonl", "--copy-to", "sorted"]

    def interrupted(self: FileAdder, path: Path, content: bytes) -> bool:
        if path.name == "00.jpg" and path.parent.name == "blue":
            raise KeyboardInterrupt
        return add(self, path, content)

    totals, progress, add = [], TerminalReporter.progress, FileAdder.add

    def begun(self: TerminalReporter, *args: Any) -> AbstractContextManager[Any]:
        totals.append(args[1])
        return progress(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TerminalReporter, "progress", begun)
        patch.setattr(FileAdder, "add", interrupted)
        assert run(command) == 130
        assert "after 2 images, kept in the file" in capsys.readouterr().err
        assert Path("out.jsonl.part").read_bytes().count(b"\n") == 2
        assert run([*command, "--resume"]) == 130
        assert "after 2 images, kept in the file" in capsys.readouterr().err
    assert totals == [5, 3]
    assert run([*command, "--resume"]) == 3


def test_an_interrupt_after_the_work_is_not_a_failure(
    inputs: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(self: Classifier) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Classifier, "prepare_next_time", interrupted)
    assert run(["predict", *inputs, "-q"]) == 3
    assert capsys.readouterr().err == f"warning: {FAILED}\n"
    assert run(["predict", inputs[0], "-q"]) == 0


@pytest.mark.usefixtures("spot_run")
def test_sheet_copies_and_heat_maps_are_made_on_the_way(
    inputs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", *inputs, "--sheet", "s.html", "--copy-to", "sorted"]
    options = ["--heatmap", "heat", "--min-confidence", "1"]
    assert run([*command, *options, "--json"]) == 3
    shown = capsys.readouterr()
    labels = [item.get("label") for item in json.loads(shown.out)]
    assert set(labels) == {"unsure", None}
    assert Path("s.html").read_text(encoding="utf-8").count("<img") == 6
    assert len(list(Path("sorted/unsure").iterdir())) == 3
    assert len(list(Path("heat").iterdir())) == 3
    assert "3 copied to sorted" in shown.err


@pytest.mark.parametrize("item", ["-", "@empty.txt"])
@pytest.mark.parametrize(
    "options", [[], ["--json"], ["--out", "a.csv"], ["--out", "a.jsonl"]]
)
def test_inputs_without_images_are_an_error_and_leave_nothing(
    inputs: list[str],
    item: str,
    options: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO()))
    Path("empty.txt").write_text("\n")
    before = set(Path().iterdir())
    command = ["predict", item, "--sheet", "a.html", "--copy-to", "sorted", "-q"]
    assert run([*command, *options]) == 2
    shown = capsys.readouterr()
    assert shown.err == "error: the inputs name no images.\n"
    assert shown.out == ""
    assert set(Path().iterdir()) == before


def test_each_frame_has_its_own_prediction(
    inputs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    red, blue = (Image.new("RGB", (40, 40), COLOURS[name]) for name in ("red", "blue"))
    red.save("two.gif", save_all=True, append_images=[blue])
    command = ["predict", "two.gif", "--format", "jsonl", "--top", "1", "-q"]
    assert run([*command, "--frames", "all"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [item["frame"] for item in documents] == [0, 1]
    assert [item["predictions"][0]["label"] for item in documents] == ["red", "blue"]
    assert run(command) == 0
    (document,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "frame" not in document


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tta", "fliip"], "--tta is 'fliip'. Did you mean 'flip'?"),
        (["--tta", "flip", "--dense"], "--dense exclude each other"),
        (["--boxes"], "--boxes needs --dense. Add it."),
        (["--dense", "--boxes", "--heatmap", "heat"], "Leave one out."),
        (["--tiles", "640"], "--tiles 640 is for models that find any number "),
        (["--format", "voc"], "Add: --out FOLDER"),
        (["--format", "coco", "--frames", "all"], "Leave out --frames all."),
        (["--format", "voc", "--out", "photos"], "--out photos already exists"),
        (["--drawn", "photos/drawn", "photos"], "--drawn photos/drawn lies in photos"),
        (["--frames", "last"], "--frames is 'last'. Expected one of: first, all."),
        (
            ["--min-confidence", "50"],
            "--min-confidence is 50; it must be at most 1, or 'auto'.",
        ),
        (["--max-pixels", "0"], "--max-pixels is 0"),
        (["--batch", "many"], "--batch is 'many'; expected a whole number, or 'auto'."),
        (["--batch", "0"], "--batch is 0"),
        (["--resume"], "Add: --out FILE.jsonl"),
        (["--out", "a.csv", "--resume"], "Add: --out FILE.jsonl"),
        (["--json", "--out", "a.csv"], "--json prints JSON on stdout"),
        (["--out", "a.xyz"], "its suffix should be one of"),
        (["--out", "nowhere/a.csv"], "there is no folder nowhere"),
        (["--format", "parquet"], "Add: --out FILE.parquet"),
        (["--sheet", "a.png"], "suffix should be .html. Use: --sheet a.html"),
        (["--copy-to", "photos/red/sorted", "photos"], "Name one outside"),
        (["--copy-to", "photos/new", "photos/*"], "photos/new lies in photos/new"),
        (["--dense", "--heatmap", "photos/heat", "photos"], "--heatmap photos/heat"),
        (["--sheet", "a.html", "a.*"], "--sheet a.html is one of the inputs."),
        (["--sheet", "a.html"], "--sheet a.html already exists"),
        (["--format", "csv", "--out", "a.png", "a.png"], "is one of the inputs."),
        (["--column", "file"], "--column"),
        (["nosuch.zip"], "nosuch.zip"),
        (["--top", "4"], "1 to 3"),
    ],
)
def test_mistakes_are_reported_before_any_work(
    inputs: list[str],
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cnnxfer.prediction.classifier.Classifier.predictions", None)
    Image.new("RGB", (9, 9)).save("a.png")
    Path("a.html").write_text("not a sheet")
    assert run(["predict", inputs[0], "--copy-to", "sorted", *options]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert not Path("sorted").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "coco"], "answers with classes. Add --dense and --boxes, or "),
        (["--drawn", "drawn"], "--drawn needs objects or masks, and "),
        (["--masks", "masks"], "--masks needs masks, and "),
    ],
)
def test_outputs_that_need_another_model_are_refused(
    inputs: list[str],
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cnnxfer.prediction.classifier.Classifier.predictions", None)
    assert run(["predict", inputs[0], *options]) == 2
    shown = capsys.readouterr()
    assert message in shown.err.splitlines()[-1]
    assert shown.out == ""
    assert not Path(options[1]).exists()
