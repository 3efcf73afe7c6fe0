"""A run's images, found again by their content wherever they are now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from cnnxfer.data.annotation import Annotation, Labels
from cnnxfer.data.dataset import SPLITS, TRAIN, VALIDATION, Dataset, Example, IndexRow
from cnnxfer.data.prepared import PreparedData, Splits, data_hash
from cnnxfer.data.preparing.fit import fit_annotations
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.errors import DataError, RunError, with_advice
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import PUT_BACK, Run, SplitRow

# The share of a run's images that may be missing when it is trained on. Without more,
# its splits would no longer be those that its figures are from.
MISSING_LIMIT = 0.2


@dataclass(frozen=True)
class FoundImages:
    """Those images of a run that a place has.

    Attributes:
        rows: the images that were found, in the order of the run's `split.csv`, with
            the ids that they have in the place.
        splits: the same images; their labels are those that the run gives them, as
            indices into its class names.
        missing: the images whose content the place does not have.
    """

    rows: tuple[SplitRow, ...]
    splits: Splits
    missing: tuple[SplitRow, ...]

    @property
    def whole(self) -> bool:
        """Whether no image is missing that the run is trained or validated on."""
        return all(row.split not in (TRAIN, VALIDATION) for row in self.missing)


def find_images(
    run: Run,
    spec: str,
    reporter: Reporter,
    *,
    retry: str,
    parts: Collection[str] = SPLITS,
    limit: float = MISSING_LIMIT,
) -> FoundImages:
    """Finds a run's images in data that may have moved or changed since.

    An image is known by its content, so its file may have another name and lie in
    another folder. A file that has its name and another content is not the image.
    What is not as it was is reported: images under other names, missing ones, and those
    that are not the run's, which stay out.

    Args:
        run: the run, whose `split.csv` and class names are used.
        spec: the data specification to look in.
        reporter: shows progress, and what was found.
        retry: the command that names another place, for messages.
        parts: the splits whose images are looked for.
        limit: the share of these images that may be missing.

    Raises:
        ConfigError: if no source accepts the specification.
        DataError: if the data cannot be read, or too many images are missing: more than
            `limit`, all of a split, or all that a class is trained on.
        RunError: if `split.csv` is not the one that the run began with.
    """
    with with_advice(f"If the images of {run.path} have moved: {retry}"):
        listed = list_dataset(spec, reporter)
        # What is ignored has no label in what the run has recorded.
        dataset = suited_to(listed, run.config.task, "none", reporter)
    known = run.split
    if run.receipt.get("data_sha256") not in (None, data_hash(known)):
        raise RunError(
            f"{run.path} began with other images than its split.csv lists. {PUT_BACK}"
        )
    wanted = [row for row in known if row.split in parts]
    # Where a run is trained on, what is new there is told; `train` has read all of it.
    places, read = _match(wanted, dataset, reporter, whole=parts == SPLITS)
    found = [(row, places[row]) for row in wanted if row in places]
    missing = tuple(row for row in wanted if row not in places)
    numbers = {name: number for number, name in enumerate(run.class_names)}
    kind = f"{wanted[0].split} image" if len(parts) == 1 else "image"
    images = counted(len(wanted), kind)
    if missing:
        text = _missing_text(run, spec, images, missing, read)
        annotation = found[0][1].annotation if found else Labels(())
        if reason := _refusal(wanted, missing, limit, numbers, annotation):
            raise DataError(
                f"{text}; {reason}. Put them back, or say where they are: {retry}"
            )
        reporter.warn(f"{text}; left out.")
    examples = tuple(
        replace(
            example,
            annotation=example.annotation.recorded(row.label, numbers),
            sha256=row.sha256,
        )
        for row, example in found
    )
    rows = tuple(replace(row, id=example.id) for row, example in found)
    names = tuple(row.split for row in rows)
    splits = PreparedData(spec, run.class_names, examples, names).by_split()
    renamed = sum(row.id != example.id for row, example in found)
    if renamed or spec != run.config.data:
        other_names = f", {renamed:,} of them under other names" if renamed else ""
        reporter.info(
            f"found {len(found):,} of the {images} of {run.path} in {spec}{other_names}"
        )
    hashes = {row.sha256 for row in known}
    ids = {row.id for row in known}
    others = sum(
        not (row.problem or row.sha256 in hashes or row.example.id in ids)
        for row in read.values()
    )
    if others:
        verb = "is" if others == 1 else "are"
        reporter.info(
            f"{counted(others, 'other image')} in {spec} {verb} not of {run.path}: "
            "not used"
        )
    return FoundImages(rows, splits, missing)


def _match(
    rows: Sequence[SplitRow], dataset: Dataset, reporter: Reporter, *, whole: bool
) -> tuple[dict[SplitRow, Example], dict[str, IndexRow]]:
    """Returns the file of each row that has one, and what was read, by id.

    A file stands for one row. Files under other names are read if one of them is
    needed, or `whole` asks for it.
    """
    ids = {row.id for row in rows}
    named = [example for example in dataset.examples if whole or example.id in ids]
    read = _read(named, reporter)
    places = {
        row: read[row.id].example
        for row in rows
        if row.id in read and read[row.id].sha256 == row.sha256
    }
    if len(places) == len(rows):
        return places, read
    rest = [example for example in dataset.examples if example.id not in read]
    read |= _read(rest, reporter)
    used = {example.id for example in places.values()}
    copies: dict[str, list[Example]] = defaultdict(list)
    for example in dataset.examples:
        if example.id not in used:
            row_read = read[example.id]
            copies[row_read.sha256].append(row_read.example)
    for same_label in (True, False):  # copies may be of several classes
        for row in rows:
            files = copies[row.sha256] if row not in places else []
            for file in files:
                text = file.annotation.text(dataset.class_names)
                if not same_label or text == row.label:
                    places[row] = file
                    files.remove(file)
                    break
    return places, read


def _read(examples: Sequence[Example], reporter: Reporter) -> dict[str, IndexRow]:
    rows, _ = fit_annotations(build_index(examples, reporter))  # `train` has told it
    return {row.example.id: row for row in rows}


def _refusal(
    rows: Sequence[SplitRow],
    missing: Sequence[SplitRow],
    limit: float,
    numbers: Mapping[str, int],
    annotation: Annotation,
) -> str:
    """Returns why too many images are missing; "" if the others are enough.

    Those of the run are annotated as `annotation` is.
    """
    share = len(missing) / len(rows)
    if share > limit:
        return f"that is {share:.0%}; at most {limit:.0%} may be missing"
    left = set(rows) - set(missing)
    for part in (TRAIN, VALIDATION):
        if any(row.split == part for row in missing) and not any(
            row.split == part for row in left
        ):
            return f"no {part} image is left"
    before, after = (
        {
            label
            for row in images
            if row.split == TRAIN
            for label in annotation.recorded(row.label, numbers).labels
        }
        for images in (rows, left)
    )
    if gone := before - after:
        names = [name for name, number in numbers.items() if number in gone]
        return f"no image to train on is left of {', '.join(names)}"
    return ""


def _missing_text(
    run: Run,
    spec: str,
    images: str,
    missing: Sequence[SplitRow],
    read: Mapping[str, IndexRow],
) -> str:
    """Returns how many images are missing, and how many files of their names are not.

    Args:
        run: the run.
        spec: where its images were looked for.
        images: how many there should be.
        missing: those that are not there.
        read: what was read there, by id.
    """
    verb = "is" if len(missing) == 1 else "are"
    there = [read[row.id].sha256 for row in missing if row.id in read]
    kinds = {"changed": len(there) - there.count(""), "unreadable": there.count("")}
    how = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
    return (
        f"{len(missing):,} of {images} of {run.path} {verb} no longer in {spec}"
        f"{f' ({how})' if how else ''}, such as {missing[0].id}"
    )
