"""Tests that checks find every planted problem, and nothing else."""

from pathlib import Path

import pytest

from cnnxfer.data.check.report import KINDS, SEVERITIES, Kind
from cnnxfer.data.check.run_checks import check_data
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import spelled


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_planted_problem_is_found(kind: Kind, planting) -> None:
    planted = {
        (item.spec, item.about) for item in planting.planted if item.kind == kind.name
    }
    findings = [
        (spec, finding)
        for spec, report in planting.reports.items()
        for finding in report.findings
        if finding.kind == kind.name
    ]
    found = {
        (spec, item.ids or item.classes)
        for spec, finding in findings
        for item in finding.items
    }
    assert planted
    assert found == planted
    for _, finding in findings:
        assert finding.severity == kind.severity
        assert finding.title == kind.title
        assert finding.done == kind.done
        assert finding.advice == spelled(kind.advice)


def test_planted_problems_are_of_every_kind(planting) -> None:
    assert len(planting.planted) > 150
    # Suspected labels are found by a network, which this check does not ask.
    planted = {item.kind for item in planting.planted}
    assert planted == set(KINDS.names()) - {"suspected-label"}


def test_findings_are_sorted_by_severity(planting) -> None:
    for report in planting.reports.values():
        places = [SEVERITIES.index(item.severity) for item in report.findings]
        assert places == sorted(places)


def test_the_classes_are_counted(planting) -> None:
    report = planting.reports["photos"]
    classes = {row.name: row for row in report.classes}
    assert classes["reed"].train == classes["reed"].test == 0  # left out
    assert classes["void"].train == 0
    moss = classes["moss"]
    assert (moss.train + moss.validation, moss.test) == (16, 0)
    assert moss.validation > 0
    broken = ("unreadable", "not-read", "truncated", "too-large")
    assert report.images - report.sound == sum(
        planting.find(kind).count for kind in broken
    )


def test_it_is_told_what_models_of_boxes_and_masks_must_beat(planting) -> None:
    figures = {
        spec: [figure.name for figure in planting.reports[spec].figures]
        for spec in ("boxes", "areas", "photos")
    }
    assert figures == {
        "boxes": ["objects", "small-objects"],
        "areas": ["largest-class-share"],
        "photos": [],
    }


def test_a_task_that_the_data_cannot_be_for_is_told(planting) -> None:
    with pytest.raises(DataError, match="objects of boxes have a box and no outline"):
        check_data(str(planting.root / "boxes"), Reporter(), task="segmentation")


@pytest.mark.parametrize("splits", [("",), ("train/", "test/")])
def test_data_without_problems_has_no_findings(splits, planter, tmp_path: Path) -> None:
    for split in splits:
        for name in ("aster", "daisy", "iris 2", "iris 1-2", "iris 12"):
            planter.sound(f"data/{split}{name}", 20)
    report, _ = check_data(str(tmp_path / "data"), Reporter())
    assert report.findings == ()
    assert report.images == report.sound == 100 * len(splits)
    assert not report.alarming


def test_findings_in_real_photographs_were_confirmed_by_eye(
    shared: Path,
) -> None:
    report, _ = check_data(str(shared / "data" / "flowers12"), Reporter())
    kinds = {finding.kind for finding in report.findings}
    assert kinds == {"near-leak", "copies", "near-copies"}
    lines = Path(__file__).with_name("flowers12_pairs.txt").read_text().splitlines()
    confirmed = {tuple(line.split()) for line in lines[1:]}
    found = {
        tuple(sorted(item.ids)) for finding in report.findings for item in finding.items
    }
    assert found <= confirmed
    assert len(found) > 0.9 * len(confirmed)
