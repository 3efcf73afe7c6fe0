"""Runs every check on a data set and reports what was found."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cnnxfer.data.check import (
    boxes,
    classes,
    duplicates,
    image_properties,
    masks,
    readability,
)
from cnnxfer.data.check.baselines import baselines
from cnnxfer.data.check.inspected import Group, InspectedData
from cnnxfer.data.check.report import (
    NOTE,
    SEVERITIES,
    ClassCount,
    Finding,
    Item,
    Report,
    error_kind,
)
from cnnxfer.data.dataset import Dataset, Example, IndexRow
from cnnxfer.data.images.names import is_other_file
from cnnxfer.data.preparing.exclude import exclude_listed
from cnnxfer.data.preparing.fit import Repair, fit_annotations
from cnnxfer.data.preparing.groups import group_names
from cnnxfer.data.preparing.index import build_index, labels_to_train
from cnnxfer.data.preparing.near_duplicates import near_duplicates
from cnnxfer.data.preparing.splits import assign_splits, parse_split
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import command

Check = Callable[[InspectedData], Iterable[Finding]]
# In the order in which the findings of one severity are reported.
CHECKS: tuple[Check, ...] = (
    classes.too_few_classes,
    duplicates.leaks,
    duplicates.group_leaks,
    duplicates.contradictions,
    classes.missing_classes,
    classes.similar_names,
    classes.small_classes,
    classes.imbalance,
    readability.broken_files,
    boxes.repaired,
    boxes.same_boxes,
    boxes.many_boxes,
    masks.unnamed_values,
    masks.rare_classes,
    image_properties.grey,
    image_properties.dim,
    image_properties.tiny,
    image_properties.long,
    image_properties.huge,
    duplicates.spare_copies,
    image_properties.animated,
    image_properties.cmyk,
    image_properties.turned,
    boxes.tiny_boxes,
    boxes.one_based,
    readability.wrong_suffixes,
    classes.odd_names,
    classes.unlabelled,
    readability.hidden_files,
    readability.circular_links,
)
NO_DATA = error_kind(
    "no-data",
    "images that can be listed",
    done="training stops",
    advice="Put the images into folders, one a class; or see what is expected.",
)
NO_SPLIT = error_kind(
    "no-split",
    "ways to split the images",
    done="training stops",
    advice="Add images: each class needs two to be split, better some dozens.",
)
# `train` warns of these elsewhere.
REPORTED_BY_TRAINING = {
    kind.name
    for kind in (
        readability.UNREADABLE,
        readability.NOT_READ,
        readability.TRUNCATED,
        readability.TOO_LARGE,
        readability.UNFIT,
        classes.EMPTY_CLASS,
        classes.UNTRAINED_CLASS,
        classes.IMBALANCE,
    )
}


def check_data(
    spec: str,
    reporter: Reporter,
    *,
    split: str = "75/15/10",
    group_by: str = "none",
    exclude: str = "none",
    task: str = "auto",
    ignore: str = "none",
    taken: Callable[[Dataset, str], Dataset] | None = None,
    more: Sequence[Check] = (),
) -> tuple[Report, list[Example]]:
    """Finds what is wrong with a data set before anything is trained on it.

    Its files are read, and never changed.

    Args:
        spec: the data specification.
        reporter: shows the progress.
        split: shares such as "75/15/10", or "slices", as `train` takes them.
        group_by: what groups images, as `group_names` takes it; `none` for no groups.
        exclude: the path of a list of images to leave out; `none` for no list.
        task: the name of the task that it is for, or `auto`; see `suited_to`.
        ignore: classes of masks to ignore; see `suited_to`.
        taken: raises a DataError if data doesn't suit the task; see `Task.taken`. None
            to report all problems of what is listed.
        more: checks to run after the usual ones.

    Returns:
        The report, and the images that could be read.

    Raises:
        ConfigError: if the data does not exist, or an option is wrong.
        DataError: if data that is not on this disk cannot be downloaded or prepared, or
            data doesn't suit the task.
    """
    parse_split(split)
    try:
        dataset = list_dataset(spec, reporter)
        if dataset.problem and task not in dataset.others:
            raise DataError(dataset.problem)
    except DataError as error:
        if not Path(spec).exists():
            raise
        rows: list[IndexRow] = []
        findings = NO_DATA.findings([Item(note=str(error))], count=0)
        report = Report(spec, 0, 0, (), tuple(findings))
    else:
        dataset = suited_to(dataset, task, ignore, reporter)
        if taken:
            dataset = taken(dataset, spec)
        if exclude != "none":
            dataset = exclude_listed(dataset, Path(exclude), reporter)
        read = build_index(dataset.examples, reporter)
        rows, repairs = fit_annotations(read)
        groups = group_names(dataset, group_by) if group_by != "none" and rows else []
        report = _report(spec, dataset, rows, repairs, groups, split, more)
    return report, [row.example for row in rows if not row.problem]


def quick_findings(data: InspectedData) -> tuple[Finding, ...]:
    """Returns the errors and warnings of which `train` does not warn elsewhere."""
    return _by_severity(
        finding
        for check in CHECKS
        for finding in check(data)
        if finding.severity != NOTE and finding.kind not in REPORTED_BY_TRAINING
    )


def repair_findings(
    class_names: tuple[str, ...], repairs: Sequence[Repair]
) -> tuple[Finding, ...]:
    """Returns what to warn of where boxes and masks were repaired, and no more."""
    return _by_severity(
        boxes.repaired(InspectedData(class_names, (), (), repairs=repairs))
    )


def warn_of(findings: Iterable[Finding], spec: str, reporter: Reporter) -> None:
    """Warns of each finding in a line, and names the command that shows more."""
    findings = list(findings)
    for finding in findings:
        example = finding.items[0].line()
        reporter.warn(f"{finding.title}: {finding.count:,}, such as {example}.")
    if findings:
        reporter.warn(f"see: {command('check', spec)}")


def _report(
    spec: str,
    dataset: Dataset,
    rows: Sequence[IndexRow],
    repairs: Sequence[Repair],
    groups: Sequence[str],
    split: str,
    more: Sequence[Check],
) -> Report:
    findings: list[Finding] = []
    near = near_duplicates(rows)
    try:
        splits = _splits(dataset, rows, groups, near, split)
    except DataError as error:
        findings = NO_SPLIT.findings([Item(note=str(error))], count=0)
        splits = [""] * len(rows)
    data = InspectedData(
        dataset.class_names,
        rows,
        splits,
        near=near,
        groups=groups,
        repairs=repairs,
        hidden=dataset.hidden,
        outside=dataset.outside,
        circular=dataset.circular,
    )
    findings += [finding for check in (*CHECKS, *more) for finding in check(data)]
    return Report(
        data=spec,
        images=sum(
            not is_other_file(row.example.id, row.problem or "") for row in rows
        ),
        sound=len(data.sound),
        classes=tuple(
            ClassCount(name, **sizes)
            for name, sizes in zip(data.class_names, data.split_sizes, strict=True)
        ),
        findings=_by_severity(findings),
        figures=baselines(data),
    )


def _splits(
    dataset: Dataset,
    rows: Sequence[IndexRow],
    groups: Sequence[str],
    near: Sequence[Group],
    split: str,
) -> list[str]:
    """Returns the split that training would give each row; "" for a row left out."""
    trained = labels_to_train(rows)
    used = [
        index
        for index, row in enumerate(rows)
        if not row.problem
        and (not row.example.labels or trained.intersection(row.example.labels))
    ]
    splits = [""] * len(rows)
    if not used:
        return splits
    positions = {index: position for position, index in enumerate(used)}
    assigned = assign_splits(
        [rows[index] for index in used],
        split,
        shuffled=dataset.shuffled,
        groups=[groups[index] for index in used] if groups else None,
        duplicates=[
            together
            for group in near
            if (together := [positions[index] for index in group if index in positions])
        ],
    )
    for index, name in zip(used, assigned, strict=True):
        splits[index] = name
    return splits


def _by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    by_rank = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
    return tuple(by_rank)
