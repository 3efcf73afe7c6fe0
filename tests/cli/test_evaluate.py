import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from colours import COLOURS, make_multi_label
from PIL import Image
from pyarrow import parquet

from cnnxfer.cli.main import run
from cnnxfer.runs import Run
from cnnxfer.tasks.significance import wilson_interval


def labels_of_test(colour_run: Run) -> Counter[str]:
    """Returns the number of test images of each class."""
    return Counter(row.label for row in colour_run.split if row.split == "test")


def test_table(colour_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(colour_run.path)]) == 0
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    tested = labels_of_test(colour_run)
    assert rows[:4] == [
        ["class", "images", "recall", "precision", "F1", "ROC-AUC", "AP"],
        *[[name, str(tested[name]), *["100.0%"] * 5] for name in COLOURS],
    ]
    low = wilson_interval(tested.total(), tested.total()).low
    top1, f1, loss, ranked, _, headline, name, caution = shown.out.splitlines()[5:]
    assert headline == (
        f"✓ 100.0% accuracy ({100 * low:.1f} to 100.0), {tested.total()} images"
    )
    assert name == f"  run   {colour_run.name}"
    assert top1 == f"top-1 accuracy 100.0% (95% interval {low:.1%} to 100.0%)"
    numbers = r"100\.0% \[\d\d\.\d, 100\.0\]"
    assert re.fullmatch(
        f"macro-F1 {numbers}, weighted F1 {numbers}, balanced accuracy {numbers}", f1
    )
    assert loss.startswith("log loss 0.")
    assert ", expected calibration error " in loss
    assert ranked == (
        "each class against the rest: mean ROC-AUC 100.0%, mean average precision "
        "100.0%"
    )
    assert caution == (
        f"  note  few images: the interval is {100 - 100 * low:.0f} points wide; "
        "four times as many images would halve it"
    )
    assert shown.err == "evaluating\n"


def test_json(colour_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "--runs-dir", str(colour_run.path.parent), "--json"]
    assert run(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("required") is document.pop("passed") is None
    right = document["top1"]
    assert {**document, "right": right} == colour_run.metrics["test"]
    assert document["run"] == colour_run.name
    tested = labels_of_test(colour_run)
    assert document["images"] == tested.total()
    assert document["top1"]["value"] == 1
    assert document["top5"] is None
    assert document["before"] is None
    red = document["classes"][2]
    assert (red["label"], red["images"], red["correct"]) == (
        "red",
        *[tested["red"]] * 2,
    )
    assert red["recall"]["value"] == red["precision"]["value"] == red["f1"] == 1


def test_before_and_after(colour_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    child = Run(Path(shutil.copytree(colour_run.path, colour_run.path / "../child")))
    child.update_receipt(phase="fine_tune", parent=colour_run.name)
    assert run(["evaluate", str(child.path), "-q"]) == 0
    shown = capsys.readouterr()
    assert "\nbefore fine-tuning 100.0% (95% interval " in shown.out
    assert "-> after 100.0%\n" in shown.out
    tested = labels_of_test(colour_run).total()
    changes = f"  changes  of {tested} images, none became right or wrong"
    assert changes in shown.out.splitlines()
    assert shown.err == ""


def test_other_data(
    colour_run: Run, photos_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, known = photos_dir.with_name("other"), colour_run.split[0]
    for number, name in enumerate(["blue", "green", "red"]):
        (other / name).mkdir(parents=True)
        colour = [200 * (number == channel) + 30 for channel in (2, 1, 0)]
        Image.new("RGB", (40, 40), tuple(colour)).save(other / name / "new.png")
    (other / "red" / "00.jpg").write_bytes(b"no image")
    shutil.copy(photos_dir / known.id, other / "green")
    colour_run.write_split([replace(known, split="train"), *colour_run.split[1:]])
    assert run(["evaluate", str(colour_run.path), "--data", str(other)]) == 0
    shown = capsys.readouterr()
    assert ", 3 images, 1 unreadable, 1 left out, which the run knows\n" in shown.out
    assert "warning: left out red/00.jpg: not an image\n" in shown.err
    assert (
        f"warning: 1 of 4 images was in the training split of {colour_run.name}; "
        "left out, as they cannot test it.\n"
    ) in shown.err


def test_a_class_without_images_has_no_figures(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    colour_run.write_split(
        [row for row in colour_run.split if (row.split, row.label) != ("test", "green")]
    )
    assert run(["evaluate", str(colour_run.path), "-q"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["green", "0"]
    assert "\nmacro-F1 of the 2 classes with images 100.0% [" in "\n".join(lines)


def test_one_class_with_images(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    colour_run.write_split(
        [row for row in colour_run.split if row.split != "test" or row.label == "blue"]
    )
    assert run(["evaluate", str(colour_run.path), "-q"]) == 0
    shown = capsys.readouterr().out
    assert "\nmacro-F1 of the 1 class with images 100.0% [" in shown


def test_several_classes(
    colour_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_multi_label(colour_run, {"blue": 0.99, "green": 0.99, "red": 0.5})
    table = tmp_path / "mixed.csv"
    table.write_text("path,label\nwhite.png,blue|green|red\nblack.png,\n")
    Image.new("RGB", (40, 40), "white").save(tmp_path / "white.png")
    Image.new("RGB", (40, 40), "black").save(tmp_path / "black.png")
    command = ["evaluate", str(colour_run.path), "--data", str(table)]
    assert run([*command, "-q"]) == 0
    lines = capsys.readouterr().out.splitlines()
    header = ["class", "images", "recall", "precision", "F1", "ROC-AUC", "AP"]
    assert lines[0].split() == [*header, "threshold"]
    assert lines[1].split() == ["blue", "1", *["100.0%"] * 5, "0.990"]
    # Black is as red as not, and at the threshold is enough.
    assert lines[3].split()[1:] == [
        *("1", "100.0%", "50.0%", "66.7%", "100.0%", "100.0%", "0.500")
    ]
    exact, f1, precision = lines[5:8]
    assert exact == "all labels right in 50.0% (95% interval 9.5% to 90.5%)"
    assert f1.startswith("macro-F1 88.9% [")
    assert ", micro-F1 85.7% [" in f1
    assert precision.startswith("mean average precision 100.0% [")
    assert precision.endswith("], mean ROC-AUC 100.0%")
    assert run([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["exact"]["value"] == 0.5
    assert document["micro_f1"]["value"] == pytest.approx(6 / 7)
    assert [row["threshold"] for row in document["classes"]] == [0.99, 0.99, 0.5]


def test_the_answers_are_written_image_by_image(
    colour_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = next(row for row in colour_run.split if row.split == "test")
    wrong = replace(first, label="red" if first.label == "blue" else "blue")
    colour_run.write_split([wrong if row == first else row for row in colour_run.split])
    tested = {row.id: row.label for row in colour_run.split if row.split == "test"}
    command = ["evaluate", str(colour_run.path), "--out"]
    lines, table = tmp_path / "answers.jsonl", tmp_path / "answers.parquet"
    assert run([*command, str(lines)]) == 0
    shown = capsys.readouterr()
    assert f"most often confused: {wrong.label} for {first.label} (1)\n" in shown.out
    assert shown.err.endswith(f"written: {lines}\n")
    documents = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert {item["path"]: item["shown"] for item in documents} == {
        id: [label] for id, label in tested.items()
    }
    assert {item["split"] for item in documents} == {"test"}
    assert [item["path"] for item in documents if not item["right"]] == [first.id]
    best = documents[0]["predictions"][0]
    assert run([*command, str(table)]) == 0
    rows = parquet.read_table(table).to_pylist()
    assert len(rows) == len(tested) * len(COLOURS)
    row = {**rows[0], "frame": None}
    path, label = documents[0]["path"], tested[documents[0]["path"]]
    assert (row["path"], row["shown"], row["split"]) == (path, label, "test")
    assert row["right"] is documents[0]["right"]
    assert (row["label"], row["probability"]) == (best["label"], best["probability"])
    assert run([*command, str(tmp_path / "answers.xyz")]) == 2
    assert "its suffix should be one of" in capsys.readouterr().err


def test_a_figure_below_what_is_asked_for_fails(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(colour_run.path), "--fail-under"]
    assert run([*command, "100%", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["required"], document["passed"]) == (1, True)
    blue = [row for row in colour_run.split if row.label == "blue"]
    colour_run.write_split(
        [replace(row, label="red") if row in blue else row for row in colour_run.split]
    )
    assert run([*command, "0.92"]) == 1
    shown = capsys.readouterr()
    assert "top-1 accuracy " in shown.out
    last = shown.err.splitlines()[-1]
    assert re.fullmatch(
        r"error: accuracy \d\d\.\d% \(95% interval .* to .*%\) is below 92\.0%\.", last
    )
    assert run([*command, "92"]) == 2
    assert "--fail-under is 92; expected a number above 0" in capsys.readouterr().err


def test_no_test_images(colour_run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    colour_run.write_split([row for row in colour_run.split if row.split != "test"])
    assert run(["evaluate", str(colour_run.path)]) == 2
    assert "has no test images" in capsys.readouterr().err


def test_images_that_are_gone(
    colour_run: Run, photos_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = next(row for row in colour_run.split if row.split == "test")
    (photos_dir / gone.id).unlink()
    assert run(["evaluate", str(colour_run.path), "-q"]) == 0
    assert " images, 1 missing\n" in capsys.readouterr().out
    shutil.rmtree(photos_dir)
    assert run(["evaluate", str(colour_run.path)]) == 2
    shown = capsys.readouterr().err
    assert "no data called" in shown
    assert shown.endswith(
        f"have moved: cnnxfer evaluate {colour_run.path} --data NEW_PLACE\n"
    )


def test_the_engine_and_its_precision_can_be_chosen(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(colour_run.path), "--engine", "openvino"]
    assert run([*command, "--precision", "float32", "-v"]) == 0
    shown = capsys.readouterr()
    assert "engine: openvino, float32\n" in shown.err
    assert "top-1 accuracy 100.0%" in shown.out
