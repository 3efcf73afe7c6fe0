"""Tests of the check of labels, of made-up features or a shallow network's."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from recording_reporter import RecordingReporter
from shallow_mobilenet import in_place_of_mobilenet

import cnnxfer
from cnnxfer.config import Config
from cnnxfer.data.annotation import Labels
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Finding
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.prepared import Splits
from cnnxfer.errors import DataError
from cnnxfer.evaluation import label_check, suspected_images
from cnnxfer.evaluation.label_check import suspected_label_findings
from cnnxfer.reporting import Reporter
from cnnxfer.training.activations import compute

NAMES = ("moss", "rose", "tulip")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[int, ...]]:
    """What images show, by their ids; features follow from it."""
    shown: dict[str, tuple[int, ...]] = {}
    noise = np.random.default_rng(0)

    def features(
        config: Config, names: Sequence[str], splits: Splits, reporter: Reporter
    ) -> np.ndarray:
        examples = [*splits.train, *splits.validation, *splits.test]
        rows = noise.normal(0, 0.3, (len(examples), 8))
        for row, example in zip(rows, examples, strict=True):
            row[[*shown[example.id], 7]] += 8
        return rows.astype(np.float32)

    monkeypatch.setattr(suspected_images, "pooled_features", features)
    return shown


def inspected(
    shown: dict[str, tuple[int, ...]], changed: dict[str, tuple[int, ...]]
) -> InspectedData:
    """Returns images that are labelled with what they show, but for some."""
    rows = [
        IndexRow(Example(id, Labels(changed.get(id, seen)), None, Path(id), sha256=id))
        for id, seen in shown.items()
    ]
    splits = ["test" if id.endswith("0") else "train" for id in shown]
    splits[-1] = "validation"
    return InspectedData(NAMES, rows, splits)


def test_labels_that_may_be_wrong_are_found_and_those_to_train_on_listed(
    shown: dict[str, tuple[int, ...]],
) -> None:
    shown |= {f"{number:02d}": (number % 3,) for number in range(60)}
    data = inspected(shown, {"02": (1,), "07": (0,), "30": (2,)})
    (finding,) = suspected_label_findings(data, Reporter())
    assert (finding.kind, finding.severity) == ("suspected-label", "warning")
    assert sorted(item.ids for item in finding.items) == [("02",), ("07",), ("30",)]
    by_id = {item.ids[0]: item for item in finding.items}
    assert (by_id["07"].classes, by_id["07"].suggested) == (("moss",), ("rose",))
    assert by_id["30"].line().startswith("30 (tulip, rather moss, label ")
    assert sorted(finding.quarantine) == ["02", "07"]  # 30 is of the test


def test_several_labels_are_judged_each(shown: dict[str, tuple[int, ...]]) -> None:
    kinds = [(0,), (0, 1), (1,), ()]
    shown |= {f"{number:02d}": kinds[number % 4] for number in range(60)}
    lacking, extra = ("05", "13", "21"), ("08", "16", "24")
    changed = dict.fromkeys(lacking, (0,)) | dict.fromkeys(extra, (0, 1))
    (finding,) = suspected_label_findings(inspected(shown, changed), Reporter())
    items = {item.ids[0]: item for item in finding.items}
    assert items.keys() == {*lacking, *extra}
    assert (items["05"].classes, items["05"].suggested) == (("moss",), ("moss", "rose"))
    assert (items["08"].classes, items["08"].suggested) == (("moss", "rose"), ("moss",))


def test_what_cannot_be_judged_is_told(shown: dict[str, tuple[int, ...]]) -> None:
    shown |= {f"{number:02d}": (number % 2,) for number in range(20)}
    shown |= {"20": (2,), "21": (2,), "22": (0,)}
    reporter = RecordingReporter()
    data = inspected(shown, {})
    assert suspected_label_findings(data, reporter) == []
    (warning,) = reporter.warnings
    assert warning.startswith("labels of classes with fewer than 5 images")
    assert warning.endswith("such as tulip.")
    unsplit = InspectedData(NAMES, data.rows, [""] * len(data.rows))
    assert suspected_label_findings(unsplit, reporter) == []
    assert reporter.warnings[1] == "labels are not judged: the images cannot be split."


@pytest.fixture
def computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The numbers of images that features were computed of, by a shallow network."""
    counts: list[int] = []
    original = compute.pixel_batches

    def counting(*arguments: object, **options: object) -> Iterator[np.ndarray]:
        for batch in original(*arguments, **options):
            counts.append(len(batch))
            yield batch

    config = Config(backbone="mobilenet-0.25", weights="none", engine="keras")
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(label_check, "defaults_of", lambda task: config)
    monkeypatch.setattr(compute, "pixel_batches", counting)
    with in_place_of_mobilenet():
        yield counts


def of_labels(report: cnnxfer.Report) -> list[Finding]:
    return [item for item in report.findings if item.kind == "suspected-label"]


def test_training_uses_the_features_that_the_check_has_computed(
    photos_dir: Path, computed: list[int]
) -> None:
    (photos_dir / "red" / "03.jpg").rename(photos_dir / "blue" / "red.jpg")
    (finding,) = of_labels(cnnxfer.check(photos_dir, labels=True))
    assert [item.ids for item in finding.items] == [("blue/red.jpg",)]
    assert finding.items[0].suggested == ("red",)
    assert sum(computed) == 36
    test = 36 - sum(
        row.train + row.validation for row in cnnxfer.check(photos_dir).classes
    )
    assert test > 0
    computed.clear()
    cnnxfer.compare(photos_dir, ["mobilenet-0.25"], weights="none", engine="keras")
    assert not computed


def test_boxes_have_no_labels_to_judge(tmp_path: Path, photos_dir: Path) -> None:
    table = photos_dir / "boxes.csv"
    rows = [f"red/{n:02d}.jpg,disc,0,0,20,20" for n in range(12)]
    table.write_text("\n".join(["path,label,xmin,ymin,xmax,ymax", *rows]))
    with pytest.raises(DataError, match="labels judges the classes of images"):
        cnnxfer.check(table, labels=True)
