"""Images that moved, changed or went away after a run was made of them."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.config import Config
from cnnxfer.data.prepared import data_hash, prepare_data
from cnnxfer.data.run_images import FoundImages, find_images
from cnnxfer.data.sources import list_dataset
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, SplitRow

RETRY = "cnnxfer unfreeze RUN --data NEW_PLACE"


@pytest.fixture
def reporter() -> RecordingReporter:
    return RecordingReporter()


@pytest.fixture
def run(photos_dir: Path, tmp_path: Path) -> Run:
    """A run on `photos_dir` that has not trained a model, which takes TensorFlow."""
    config = Config(data=str(photos_dir), split="50/25/25")
    data = prepare_data(list_dataset(config.data, Reporter()), config, Reporter())
    run = Run(tmp_path / "run")
    run.path.mkdir()
    run.write_classes(data.class_names)
    run.write_split(
        SplitRow(it.id, data.class_names[it.label], part, it.sha256)
        for it, part in zip(data.examples, data.splits, strict=True)
    )
    run.update_receipt(phase="frozen")
    run.write_config(config)
    return run


def found(run: Run, place: Path, reporter: RecordingReporter) -> FoundImages:
    return find_images(run, str(place), reporter, retry=RETRY)


def test_images_under_other_names_are_found_with_the_labels_of_the_run(
    run: Run, photos_dir: Path, tmp_path: Path, reporter: RecordingReporter
) -> None:
    """They lie in folders of other classes, so that only the run knows their labels."""
    place, before = tmp_path / "new", run.split
    for number, row in enumerate(before):
        folder = place / ("one", "two")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.move(photos_dir / row.id, folder / f"{number}.jpg")
    images = found(run, place, reporter)
    ids = [f"{('one', 'two')[number % 2]}/{number}.jpg" for number in range(36)]
    assert [row.id for row in images.rows] == ids
    for name in ("label", "split", "sha256"):
        values = [
            [getattr(row, name) for row in rows] for rows in (images.rows, before)
        ]
        assert values[0] == values[1]
    names = [row.label for row in before if row.split == "train"]
    assert [run.class_names[it.label] for it in images.splits.train] == names
    assert [it.sha256 for it in images.splits.test] == [
        row.sha256 for row in before if row.split == "test"
    ]
    assert images.whole
    assert reporter.lines == [
        f"found 36 of the 36 images of {run.path} in {place}, 36 of them under "
        "other names"
    ]


def test_a_list_that_lost_its_end_is_refused(
    run: Run, photos_dir: Path, reporter: RecordingReporter
) -> None:
    """A run would be measured on fewer images, and nothing would tell."""
    run.update_receipt(data_sha256=data_hash(run.split))
    found(run, photos_dir, reporter)
    run.write_split(run.split[:-1])
    with pytest.raises(RunError, match=r"other images than its split\.csv lists\."):
        found(run, photos_dir, reporter)


def test_missing_changed_and_other_images_are_counted_and_stay_out(
    run: Run, photos_dir: Path, reporter: RecordingReporter
) -> None:
    assert found(run, photos_dir, reporter).missing == ()
    assert reporter.lines == []  # all is as it was
    gone, changed = run.split[:2]
    kept = (photos_dir / run.split[2].id).read_bytes()
    (photos_dir / gone.id).unlink()
    (photos_dir / changed.id).write_bytes(kept[:-2])  # another picture now
    (photos_dir / "red" / "new.jpg").write_bytes(kept + b"new")
    images = found(run, photos_dir, reporter)
    assert images.missing == (gone, changed)
    assert list(images.rows) == run.split[2:]
    assert images.whole == ({gone.split, changed.split} <= {"test"})
    assert reporter.lines == [
        f"warning: 2 of 36 images of {run.path} are no longer in {photos_dir} "
        f"(1 changed), such as {gone.id}; left out.",
        f"1 other image in {photos_dir} is not of {run.path}: not used",
    ]


def test_of_copies_in_two_classes_the_right_one_is_missing(
    run: Run, photos_dir: Path, reporter: RecordingReporter
) -> None:
    (first, second), rest = run.split[:2], run.split[2:]
    assert first.label != second.label
    shutil.copy(photos_dir / first.id, photos_dir / second.id)
    copy = type(second)(second.id, second.label, "test", first.sha256)
    run.write_split([first, copy, *rest])
    (photos_dir / first.id).unlink()
    moved = photos_dir / second.label / "moved.jpg"
    (photos_dir / second.id).rename(moved)
    assert found(run, photos_dir, reporter).missing == (first,)


def test_too_many_missing_images_are_an_error_that_says_what_to_type(
    run: Run, photos_dir: Path, reporter: RecordingReporter
) -> None:
    rows = run.split
    for row in rows[:8]:
        (photos_dir / row.id).unlink()
    with pytest.raises(DataError) as caught:
        found(run, photos_dir, reporter)
    assert str(caught.value) == (
        f"8 of 36 images of {run.path} are no longer in {photos_dir}, such as "
        f"{rows[0].id}; that is 22%; at most 20% may be missing. Put them back, or say "
        f"where they are: {RETRY}"
    )
    shutil.rmtree(photos_dir)
    with pytest.raises(ConfigError) as unknown:
        found(run, photos_dir, reporter)
    assert str(unknown.value).startswith(f"no data called '{photos_dir}'.")
    assert str(unknown.value).endswith(
        f" If the images of {run.path} have moved: {RETRY}"
    )


@pytest.mark.parametrize(
    ("part", "label", "message"),
    [
        ("train", "blue", "; no image to train on is left of blue. Put"),
        ("validation", "", "; no validation image is left. Put"),
    ],
)
def test_each_class_and_the_validation_need_an_image(
    run: Run,
    photos_dir: Path,
    reporter: RecordingReporter,
    part: str,
    label: str,
    message: str,
) -> None:
    chosen = [row for row in run.split if row.split == part]
    one = next(row for row in chosen if row.label == (label or row.label))
    others = [
        row for row in run.split if row not in chosen or (label and row.label != label)
    ]
    run.write_split([one, *others])
    assert Counter(row.split for row in run.split)[part] >= 1
    (photos_dir / one.id).unlink()
    with pytest.raises(DataError, match=message):
        found(run, photos_dir, reporter)
