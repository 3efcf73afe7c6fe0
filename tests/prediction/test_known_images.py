from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.prediction.known_images import describe_known_images, known_splits
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, SplitRow


@pytest.mark.parametrize("turned", [False, True])
def test_copies_in_several_splits_count_as_training_first(
    tmp_path: Path, turned: bool
) -> None:
    rows = [
        SplitRow("1.jpg", "a", "train", "aa"),
        SplitRow("2.jpg", "b", "validation", "aa"),
        SplitRow("3.jpg", "b", "validation", "bb"),
        SplitRow("4.jpg", "b", "test", "bb"),
        SplitRow("5.jpg", "b", "test", "cc"),
    ]
    run = Run(tmp_path)
    run.write_classes(["a", "b"])
    run.write_split(reversed(rows) if turned else rows)
    parts = known_splits(run, Reporter())
    assert parts == {"aa": "train", "bb": "validation", "cc": "test"}


@pytest.mark.parametrize("content", [None, "id,label\n"])
def test_a_run_without_its_split_list_knows_no_images(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "split.csv").write_text(content)
    reporter = RecordingReporter()
    assert known_splits(Run(tmp_path), reporter) == {}
    (line,) = reporter.infos
    assert line.startswith("which images the run was trained on is not known:")
    assert "split.csv" in line


@pytest.mark.parametrize(
    ("splits", "images", "text"),
    [
        ({}, 40, ""),
        ({"test": 9}, 40, ""),
        ({"train": 1, "test": 9}, 40, "1 of 40 images was in the training split of R"),
        ({"validation": 1}, 1, "1 of 1 image was in the validation split of R"),
        (
            {"train": 1200, "validation": 3},
            4000,
            "1,200 of 4,000 images were in the training split of R and 3 in its "
            "validation split",
        ),
    ],
)
def test_the_text_counts_known_images(
    splits: dict[str, int], images: int, text: str
) -> None:
    assert describe_known_images(splits, images, "R") == text
