"""Tests of single checks with made-up index rows."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.data.annotation import Labels
from cnnxfer.data.check import classes, duplicates, image_properties, run_checks
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Finding, Item
from cnnxfer.data.check.run_checks import check_data, quick_findings, warn_of
from cnnxfer.data.dataset import Dataset, Example, IndexRow
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.reporting import Reporter


def row(
    name: str,
    label: int | tuple[int, ...] = 0,
    *,
    split: str | None = None,
    content: str = "",
    **more,
) -> IndexRow:
    labels = (label,) if isinstance(label, int) else label
    example = Example(name, Labels(labels), split, Path(name), sha256=content or name)
    return IndexRow(example, **{"width": 300, "height": 200, "format": "JPEG", **more})


def inspected(rows: list[IndexRow], names: str = "ab", **more) -> InspectedData:
    splits = [item.example.split or "train" for item in rows]
    return InspectedData(tuple(names), rows, splits, **more)


def found(check, *args, **more) -> dict[str, Finding]:
    return {finding.kind: finding for finding in check(inspected(*args, **more))}


def tree(root: Path) -> list[tuple[str, int, str]]:
    return sorted(
        (
            os.fspath(path),
            path.lstat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in root.rglob("*")
    )


def test_a_check_changes_no_file_of_the_data(planter, tmp_path: Path) -> None:
    planter.sound("data/rose", 3)
    planter.sound("data/iris", 3)
    planter.put("data/rose/broken.jpg", b"broken")
    planter.put("data/rose/copy.jpg", (tmp_path / "data/rose/000.jpg").read_bytes())
    before = tree(tmp_path / "data")
    cnnxfer.check(
        tmp_path / "data",
        write=tmp_path / "list.txt",
        html=tmp_path / "page.html",
    )
    assert tree(tmp_path / "data") == before


def test_a_check_does_not_import_tensorflow(photos_dir: Path) -> None:
    code = f"""
import sys
from cnnxfer.data.check.run_checks import check_data
from cnnxfer.reporting import Reporter
check_data({str(photos_dir)!r}, Reporter())
heavy = {{"tensorflow", "keras", "openvino", "tensorflow_datasets"}}
assert not heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_leaked_images_are_quarantined_from_train_and_validation() -> None:
    rows = [
        row("train", split="train", content="x"),
        row("test", split="test", content="x"),
        row("validation", split="validation", content="x"),
        row("another test", split="test", content="x"),
        row("near", split="validation"),
    ]
    leaks = found(duplicates.leaks, rows, near=[[0, 1, 2, 3, 4]])
    assert leaks["leak"].severity == "error"
    assert leaks["leak"].quarantine == ("train", "validation")
    assert leaks["leak"].items[0].note == "train, validation, test"
    assert leaks["near-leak"].severity == "error"
    assert leaks["near-leak"].quarantine == ("train", "validation", "near")


def test_excluded_images_are_not_reported_as_leaks() -> None:
    rows = [
        row("train", split="train", content="x"),
        row("test", split="test", content="x"),
    ]
    left_out = replace(inspected(rows, near=[[0, 1]]), splits=["train", ""])
    assert list(duplicates.leaks(left_out)) == []


def test_exact_copies_are_not_reported_as_near_duplicates_too() -> None:
    rows = [row("1", 0, content="x"), row("2", 1, content="x")]
    assert list(found(duplicates.contradictions, rows, near=[[0, 1]])) == [
        "contradiction"
    ]
    rows = [*rows, row("near", 1)]
    both = found(duplicates.contradictions, rows, near=[[0, 1, 2]])
    assert list(both) == ["contradiction", "near-contradiction"]
    assert both["contradiction"].quarantine == ("1", "2")
    assert both["near-contradiction"].quarantine == ()  # a person has to look
    assert both["near-contradiction"].items == (Item(("1", "2", "near"), ("a", "b")),)


def test_all_copies_but_the_first_are_quarantined() -> None:
    rows = [row(name, content="x") for name in ("1", "2", "3")]
    same = found(duplicates.spare_copies, rows, near=[[0, 1, 2]])
    assert list(same) == ["copies"]
    assert same["copies"].count == 2
    assert same["copies"].quarantine == ("2", "3")


def test_an_id_that_two_rows_share_is_not_quarantined() -> None:
    rows = [row("1", content="x"), row("1", content="x")]
    assert found(duplicates.spare_copies, rows)["copies"].quarantine == ()


def test_copies_with_one_label_more_contradict_each_other() -> None:
    rows = [row("1", (0,), content="x"), row("2", (0, 1), content="x")]
    item = found(duplicates.contradictions, rows)["contradiction"].items[0]
    assert item.line() == "1 = 2 (a, a|b)"


@pytest.mark.parametrize(
    ("names", "alike"),
    [
        (("rose", "Rose"), True),
        (("rose", "rose "), True),
        (("lily valley", "lily_valley"), True),
        (("lily-valley", "lilyvalley"), True),
        (("class 1", "class1"), True),
        (("straße", "STRASSE"), True),
        (("café", "cafe\u0301"), True),
        (("rose", "ro\u200bse"), True),
        (("rose", "\uff52\uff4f\uff53\uff45"), True),
        (("rose", "roses"), False),
        (("café", "cafe"), False),
        (("1-1", "11"), False),
        (("1-1", "1_1"), True),
    ],
)
def test_class_names_that_differ_by_a_typing_error_are_alike(
    names, alike: bool
) -> None:
    rows = [row("1", 0), row("2", 1)]
    assert bool(list(classes.similar_names(InspectedData(names, rows, [])))) == alike


def test_a_property_of_most_images_is_not_reported_per_image() -> None:
    small = [row(str(number), width=28, height=28) for number in range(3)]
    large = [row(f"large {number}") for number in range(3)]
    assert list(found(image_properties.tiny, small + large)) == ["tiny"]
    assert list(found(image_properties.tiny, small + large[:2])) == ["all-tiny"]
    grey = [row(f"grey {number}", 1, grey=True) for number in range(3)]
    assert list(found(image_properties.grey, small + grey)) == ["grey", "grey-class"]
    assert list(found(image_properties.grey, small[:2] + grey)) == []


def test_the_suffix_of_a_jpeg_with_several_pictures_is_right() -> None:
    jpegs = [row("a.jpg", format="MPO"), row("b.JPEG"), row("c.jfif")]
    assert found(run_checks.readability.wrong_suffixes, jpegs) == {}
    others = [row("no suffix"), row("data.bin"), row("version.1")]
    assert found(run_checks.readability.wrong_suffixes, others) == {}


def test_limits_of_image_size() -> None:
    at, over = row("at", width=900, height=300), row("over", width=300, height=901)
    assert found(image_properties.long, [at, over])["long"].items[0].ids == ("over",)
    at = row("at", width=10_000, height=5_000)
    over = row("over", width=10_000, height=5_001)
    assert found(image_properties.huge, [at, over])["huge"].items[0].ids == ("over",)
    at, over = row("at", width=32), row("over", width=31)
    assert found(image_properties.tiny, [at, at, over])["tiny"].items[0].ids == (
        "over",
    )


def test_limits_of_class_sizes() -> None:
    rows = [row(f"a{number}", 0) for number in range(30)]
    rows += [row(f"b{number}", 1) for number in range(10)]
    assert list(found(classes.small_classes, rows)) == []
    assert found(classes.imbalance, rows)["imbalance"].items == (
        Item(classes=("a", "b"), note="30 and 10 images"),
    )
    assert list(found(classes.imbalance, rows[1:])) == []
    # Copies do not count as further images.
    rows[-1] = row("copy", 1, content="b0")
    small = found(classes.small_classes, rows)["few-images"]
    assert small.items == (Item(classes=("b",), note="9 images"),)


def test_one_class_is_enough_if_some_images_lack_it() -> None:
    rows = [row("1", (0,)), row("2", ())]
    assert found(classes.too_few_classes, rows, "a") == {}
    assert list(found(classes.too_few_classes, rows[:1], "a")) == ["one-class"]
    broken = row("3", (), problem="truncated JPEG")
    assert list(found(classes.too_few_classes, [rows[0], broken], "a")) == ["one-class"]


def test_class_names_that_are_not_utf8_are_reported() -> None:
    odd = found(classes.odd_names, [], ["ros\\xe9", "C:\\x", "rosé"])
    assert [item.classes for item in odd["odd-name"].items] == [("'ros\\\\xe9'",)]


def test_groups_and_copies_are_not_reported_as_leaks(planter, tmp_path: Path) -> None:
    for name in ("rose", "iris"):
        planter.sound(f"data/{name}", 20)
        for number in range(6):
            planter.put(f"data/{name}/plant7 {number}.jpg", planter.picture())
    spec = str(tmp_path / "data")
    report, _ = check_data(spec, Reporter(), group_by=r"(rose|iris)/plant\d+")
    assert report.findings == ()
    assert sum(item.test for item in report.classes) > 0


def test_a_wrong_split_is_refused(photos_dir: Path) -> None:
    with pytest.raises(ConfigError, match="split is 'half'"):
        check_data(str(photos_dir), Reporter(), split="half")
    with pytest.raises(ConfigError, match="split='slices' needs"):
        check_data(str(photos_dir), Reporter(), split="slices")


def test_missing_data_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(spec: str, reporter: Reporter) -> Dataset:
        raise DataError("cannot be downloaded")

    with pytest.raises(ConfigError, match="no data called"):
        check_data(str(tmp_path / "nothing"), Reporter())
    monkeypatch.setattr(run_checks, "list_dataset", refuse)
    with pytest.raises(DataError, match="cannot be downloaded"):
        check_data("tfds:far_away", Reporter())


def test_training_warns_of_serious_findings() -> None:
    rows = [
        row("1", 0, content="x"),
        row("2", 1, content="x"),
        row("3", 0, problem="truncated JPEG"),
        *[row(f"b{number}", 1, mode="CMYK") for number in range(40)],
        *[row(f"a{number}", 0) for number in range(10)],
    ]
    findings = quick_findings(inspected(rows))
    # No notes, and nothing that it tells by itself: broken images, the imbalance.
    assert [finding.kind for finding in findings] == ["contradiction"]
    reporter = RecordingReporter()
    warn_of(findings, "my flowers", reporter)
    assert reporter.warnings == [
        "pictures under several labels: 1, such as 1 = 2 (a, b).",
        "see: cnnxfer.check('my flowers')",
    ]
    warn_of([], "flowers", reporter)
    assert len(reporter.warnings) == 2


def test_every_check_is_registered() -> None:
    others = (run_checks.boxes, run_checks.masks, run_checks.readability)
    modules = (classes, duplicates, image_properties, *others)
    defined = {
        function
        for module in modules
        for name, function in vars(module).items()
        if callable(function)
        and getattr(function, "__module__", "") == module.__name__
        and not name.startswith("_")
    }
    assert defined == set(run_checks.CHECKS)


def test_line_describes_an_item() -> None:
    assert Item(("a", "b", "c", "d"), note="x").line() == "a = b = c = ... (x)"
    assert Item(classes=("a", "b")).line() == "a, b"
    assert Item(classes=("a",), note="x").line() == "a (x)"
    assert Item(note="x").line() == "(x)"
