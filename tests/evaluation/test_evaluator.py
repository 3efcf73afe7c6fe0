import dataclasses
import errno
import shutil
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
from colours import COLOURS, make_multi_label
from PIL import Image
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.runs import Run
from cnnxfer.tasks.significance import wilson_interval


def counts(evaluation: Evaluation) -> dict[str, tuple[int, int, int]]:
    """Returns the numbers of images, correct ones and predicted ones, by class."""
    return {
        row.label: (row.images, row.correct, row.named)
        for row in evaluation.figures.classes
    }


def parts(run: Run) -> Counter[str]:
    """Returns how many images the run has in each split."""
    return Counter(row.split for row in run.split)


@pytest.fixture
def new_photos_dir(tmp_path: Path) -> Path:
    """Returns images that no run was trained on: 5 blue, 4 green and 3 red ones."""
    random = np.random.default_rng(1)
    for (name, colour), images in zip(COLOURS.items(), (5, 4, 3), strict=True):
        folder = tmp_path / "new" / name
        folder.mkdir(parents=True)
        for number in range(images):
            pixels = colour + random.normal(0, 12, (40, 50, 3))
            picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            picture.save(folder / f"{number}.png")
    return tmp_path / "new"


def test_the_test_split_is_measured_and_the_figures_are_saved(colour_run: Run) -> None:
    evaluation = cnnxfer.evaluate(colour_run)
    assert evaluation.run == colour_run.name
    assert evaluation.images == parts(colour_run)["test"] > 3
    assert evaluation.figures.top1 == wilson_interval(
        evaluation.images, evaluation.images
    )
    assert evaluation.figures.top5 is None
    assert evaluation.before is None
    assert evaluation.figures.macro_f1.value == 1
    assert evaluation.figures.confusions == ()
    tested = Counter(row.label for row in colour_run.split if row.split == "test")
    assert counts(evaluation) == {name: (tested[name],) * 3 for name in COLOURS}
    metrics = colour_run.metrics
    assert metrics["test"]["top1"]["value"] == 1
    assert metrics["frozen"] == {"val_accuracy": 0.75}


def test_figures_that_cannot_be_saved_are_returned_with_a_warning(
    colour_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr("cnnxfer.runs.run.write_text", refuse)
    reporter = RecordingReporter()
    evaluation = cnnxfer.evaluate(colour_run, reporter=reporter)
    assert evaluation.figures.top1.value == 1
    (message,) = reporter.warnings
    assert message.startswith(
        f"these figures are not saved: {colour_run.path / 'metrics.json'} cannot be "
        "written: read-only file system."
    )
    assert "test" not in colour_run.metrics


def test_other_data_is_measured_by_class_name(
    colour_run: Run, new_photos_dir: Path
) -> None:
    """Labels are numbered differently if classes are missing; names are compared."""
    shutil.rmtree(new_photos_dir / "blue")
    (new_photos_dir / "red/0.png").rename(new_photos_dir / "green/moved.png")
    evaluation = cnnxfer.evaluate(colour_run, data=new_photos_dir)
    assert counts(evaluation) == {
        "blue": (0, 0, 0),
        "green": (5, 4, 4),
        "red": (2, 2, 3),
    }
    assert evaluation.figures.top1.value == 6 / 7
    assert evaluation.figures.macro_f1.value == pytest.approx((8 / 9 + 4 / 5) / 2)
    assert "test" not in colour_run.metrics


def test_one_class_is_enough_to_be_measured(
    colour_run: Run, new_photos_dir: Path
) -> None:
    shutil.rmtree(new_photos_dir / "blue")
    shutil.rmtree(new_photos_dir / "green")
    assert cnnxfer.evaluate(colour_run, data=new_photos_dir).images == 3


def test_images_that_the_run_knows_are_left_out(
    colour_run: Run, photos_dir: Path, new_photos_dir: Path
) -> None:
    """Images are compared by content, whatever their names and labels."""
    for row in colour_run.split:
        name = row.id.replace("/", "-")
        label = "blue" if row.split == "train" else row.label
        shutil.copy(photos_dir / row.id, new_photos_dir / label / name)
    known = parts(colour_run)
    reporter = RecordingReporter()
    evaluation = cnnxfer.evaluate(colour_run, data=new_photos_dir, reporter=reporter)
    assert reporter.warnings == [
        f"{known['train']} of 48 images were in the training split of "
        f"{colour_run.name} and {known['validation']} in its validation split; left "
        "out, as they cannot test it."
    ]
    assert evaluation.images == 12 + known["test"]
    assert evaluation.seen == known["train"] + known["validation"]
    assert (
        evaluation.figures.top1.value == 1
    )  # else those called blue would be mistakes


def test_of_the_runs_own_data_only_the_test_split_is_measured(
    colour_run: Run, photos_dir: Path
) -> None:
    evaluation = cnnxfer.evaluate(colour_run, data=photos_dir)
    assert evaluation.seen == 36 - parts(colour_run)["test"]
    assert dataclasses.replace(evaluation, seen=0) == cnnxfer.evaluate(colour_run)


def test_a_run_is_measured_where_its_images_moved_as_where_they_were(
    colour_run: Run, photos_dir: Path
) -> None:
    before = cnnxfer.evaluate(colour_run)
    config, kept = colour_run.config, colour_run.metrics
    colour_run.update_metrics(test=None)
    place = photos_dir.rename(photos_dir.with_name("moved"))
    (place / "red").rename(place / "rot")  # the labels are those of the run
    for path in sorted(place.glob("*/*.jpg")):
        path.rename(path.with_name(f"renamed {path.name}"))
    with pytest.raises(ConfigError) as caught:
        cnnxfer.evaluate(colour_run)
    assert str(caught.value).endswith(
        f"have moved: cnnxfer.evaluate('{colour_run.path}', data='NEW_PLACE')"
    )
    after = cnnxfer.evaluate(colour_run, data=place)
    assert {**after.as_json(), "seen": 0} == before.as_json()
    contents = [
        [sure.example.sha256 for sure in evaluation.surest_right]
        for evaluation in (after, before)
    ]
    assert contents[0] == contents[1] != []
    assert colour_run.metrics == kept
    assert colour_run.config == config


def test_missing_test_images_are_counted_beside_the_figures(
    colour_run: Run, photos_dir: Path
) -> None:
    tests = [row for row in colour_run.split if row.split == "test"]
    (photos_dir / tests[0].id).unlink()
    (photos_dir / tests[1].id).write_bytes((photos_dir / tests[2].id).read_bytes()[:-2])
    reporter = RecordingReporter()
    evaluation = cnnxfer.evaluate(colour_run, reporter=reporter)
    assert (evaluation.images, evaluation.missing) == (len(tests) - 2, 2)
    assert colour_run.metrics["test"]["missing"] == 2
    assert reporter.warnings == [
        f"2 of {len(tests)} test images of {colour_run.path} are no longer in "
        f"{photos_dir} (1 changed), such as {tests[0].id}; left out."
    ]
    for row in tests[3 + len(tests) // 3 :]:
        (photos_dir / row.id).unlink()
    with pytest.raises(DataError, match=r"at most 50% may be missing"):
        cnnxfer.evaluate(colour_run)


def test_data_that_the_run_was_trained_on_is_an_error(
    colour_run: Run, photos_dir: Path
) -> None:
    for row in colour_run.split:
        if row.split == "test":
            (photos_dir / row.id).unlink()
    with pytest.raises(DataError, match=r"was trained and validated on all \d+ images"):
        cnnxfer.evaluate(colour_run, data=photos_dir)


def test_images_indexed_before_are_not_read_again(
    colour_run: Run, photos_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index has the results of reading images for `train` or `check`."""
    monkeypatch.setattr("cnnxfer.data.preparing.index._read", None)
    assert cnnxfer.evaluate(colour_run, data=photos_dir).unreadable == 0


def test_an_unreadable_image_is_left_out_and_counted(
    colour_run: Run, new_photos_dir: Path
) -> None:
    (new_photos_dir / "red/0.png").write_bytes(b"no image")
    reporter = RecordingReporter()
    evaluation = cnnxfer.evaluate(colour_run, data=new_photos_dir, reporter=reporter)
    assert (evaluation.images, evaluation.unreadable) == (11, 1)
    assert reporter.warnings[0] == "left out red/0.png: not an image"
    for path in new_photos_dir.rglob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"none of the 12 images of .* could be"):
        cnnxfer.evaluate(colour_run, data=new_photos_dir)


def test_a_fine_tuned_run_is_measured_beside_its_parent(colour_run: Run) -> None:
    child = Run(Path(shutil.copytree(colour_run.path, colour_run.path / "../child")))
    child.update_receipt(phase="fine_tune", parent=colour_run.name)
    swapped = keras.saving.load_model(colour_run.model_path)
    (weights,) = swapped.get_weights()
    swapped.set_weights([weights[:, [1, 0, 2]]])  # blue is green and green is blue
    swapped.save(colour_run.model_path)
    evaluation = cnnxfer.evaluate(child)
    assert evaluation.figures.top1.value == 1
    assert evaluation.before is not None
    (blue, *_), (green, *_), (red, *_) = counts(evaluation).values()
    assert counts(evaluation.before)["green"] == (green, 0, blue)
    assert evaluation.before.figures.top1.value == red / (blue + green + red)
    assert (evaluation.gained, evaluation.lost) == (blue + green, 0)
    assert child.metrics["test"]["before"]["run"] == colour_run.name
    assert "test" not in colour_run.metrics


def test_evaluate_and_predict_agree(colour_run: Run, new_photos_dir: Path) -> None:
    (new_photos_dir / "red/0.png").rename(new_photos_dir / "green/moved.png")
    predictions = list(cnnxfer.predict(new_photos_dir, model=colour_run, top=1))
    right = [Path(item.path).parent.name == item.top.label for item in predictions]
    evaluation = cnnxfer.evaluate(colour_run, data=new_photos_dir)
    assert len(right) == 12
    assert evaluation.figures.top1.value == np.mean(right) == 11 / 12


@pytest.fixture
def several_run(colour_run: Run) -> Run:
    """Returns the run as a multi-label one, which names every bright enough colour."""
    make_multi_label(colour_run, dict.fromkeys(COLOURS, 0.99))
    return colour_run


@pytest.fixture
def mixtures(tmp_path: Path) -> Path:
    """Returns a table of images in mixed colours; two labels of 8 are wrong."""
    mixed = {
        "purple": ((200, 40, 200), "blue|red"),
        "yellow": ((200, 200, 40), "red|green"),
        "white": ((200, 200, 200), "blue|green|red"),
        "black": ((30, 30, 30), ""),
        "blue": ((30, 30, 200), "blue|green"),
        "red": ((200, 30, 30), ""),
    }
    lines = ["path,label"]
    for name, (colour, label) in mixed.items():
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{name}.png")
        lines.append(f"{name}.png,{label}")
    table = tmp_path / "mixed.csv"
    table.write_text("\n".join(lines))
    return table


def test_images_of_several_classes_are_measured(
    several_run: Run, mixtures: Path
) -> None:
    evaluation = cnnxfer.evaluate(several_run, data=mixtures)
    assert evaluation.images == 6
    assert counts(evaluation) == {
        "blue": (3, 3, 3),
        "green": (3, 2, 2),
        "red": (3, 3, 4),
    }
    assert evaluation.figures.exact.value == pytest.approx(4 / 6)
    f1 = [row.f1 for row in evaluation.figures.classes]
    assert f1 == pytest.approx([1, 4 / 5, 6 / 7])
    assert evaluation.figures.macro_f1.value == pytest.approx(np.mean(f1))
    assert evaluation.figures.micro_f1.value == pytest.approx(2 * 8 / (9 + 9))
    assert {row.threshold for row in evaluation.figures.classes} == {0.99}
    precisions = [row.average_precision for row in evaluation.figures.classes]
    # A tie of three for the last of green; the red one is as red as the others.
    assert precisions == pytest.approx([1, (1 + 1 + 3 / 6) / 3, 3 / 4])
    assert evaluation.figures.mean_average_precision.value == pytest.approx(
        np.mean(precisions)
    )
    assert evaluation.figures.top1.value == pytest.approx(4 / 6)


def test_of_several_classes_evaluate_and_predict_agree(
    several_run: Run, mixtures: Path
) -> None:
    predictions = list(cnnxfer.predict(mixtures, model=several_run, top=1))
    labels = {Path(item.path).stem: set(item.labels) for item in predictions}
    assert labels == {
        "purple": {"blue", "red"},
        "yellow": {"green", "red"},
        "white": {"blue", "green", "red"},
        "black": set(),
        "blue": {"blue"},
        "red": {"red"},
    }
    named = [
        row.named
        for row in cnnxfer.evaluate(several_run, data=mixtures).figures.classes
    ]
    assert named == [
        sum(name in found for found in labels.values()) for name in COLOURS
    ]


def test_data_of_the_other_task_is_an_error(
    colour_run: Run, mixtures: Path, new_photos_dir: Path
) -> None:
    with pytest.raises(DataError, match=r"have several labels, and .* gives them one"):
        cnnxfer.evaluate(colour_run, data=mixtures)
    make_multi_label(colour_run, {})
    cnnxfer.evaluate(colour_run, data=new_photos_dir)  # its own have one label, too
    first, *others = colour_run.split
    colour_run.write_split([dataclasses.replace(first, label="blue|red"), *others])
    with pytest.raises(DataError, match=r"have one label each, and .*: rose\|tulip"):
        cnnxfer.evaluate(colour_run, data=new_photos_dir)


def test_classes_are_known_in_both_unicode_forms(
    colour_run: Run, new_photos_dir: Path
) -> None:
    (new_photos_dir / "blue").rename(new_photos_dir / "blu\xe9")
    (new_photos_dir / "red").rename(new_photos_dir / "re\u0301d")
    names = {"blue": "blue\u0301", "green": "green", "red": "r\xe9d"}
    rows = [
        dataclasses.replace(row, label=names[row.label]) for row in colour_run.split
    ]
    colour_run.write_classes(list(names.values()))
    colour_run.write_split(rows)
    evaluation = cnnxfer.evaluate(colour_run, data=new_photos_dir)
    assert [row.label for row in evaluation.figures.classes] == [
        "blue\u0301",
        "green",
        "r\xe9d",
    ]


def test_classes_that_the_run_does_not_know_are_refused(
    colour_run: Run, new_photos_dir: Path
) -> None:
    (new_photos_dir / "red").rename(new_photos_dir / "rot")
    with pytest.raises(DataError, match=r"doesn't know: rot\. It knows: blue, green"):
        cnnxfer.evaluate(colour_run, data=new_photos_dir)


def test_a_name_that_several_classes_have_is_refused(
    colour_run: Run, new_photos_dir: Path
) -> None:
    """ImageNet has two cranes; which one a folder means is not guessed."""
    (new_photos_dir / "red").rename(new_photos_dir / "crane")
    shutil.rmtree(new_photos_dir / "green")
    shutil.rmtree(new_photos_dir / "blue")
    with pytest.raises(DataError, match=r"2 classes of .*n02012849, n03126707"):
        cnnxfer.evaluate(model="efficientnet-lite0", data=new_photos_dir)


def test_classes_that_no_image_shows_may_be_unknown(
    colour_run: Run, new_photos_dir: Path
) -> None:
    (new_photos_dir / "violet").mkdir()
    (new_photos_dir / "violet" / "1.jpg").write_bytes(b"broken")
    evaluation = cnnxfer.evaluate(colour_run, data=new_photos_dir)
    assert evaluation.unreadable == 1


def test_a_run_without_a_model_is_refused(colour_run: Run) -> None:
    colour_run.model_path.unlink()
    with pytest.raises(RunError, match="has no trained model yet"):
        cnnxfer.evaluate(colour_run)
