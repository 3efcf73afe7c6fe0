"""Reads every mask once, to know its size and which values occur in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cnnxfer.data.images.decode import DECODER
from cnnxfer.data.masks.mask_file import MaskFacts, MaskFile
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.stamped_rows import Facts, Stamp, StampedRows, stamp_all
from cnnxfer.errors import DataError, PassingError
from cnnxfer.reporting import Reporter

MASKS_VERSION = 1  # raised when facts are computed in another way


def with_facts(masks: Sequence[MaskFile], reporter: Reporter) -> list[MaskFile]:
    """Returns masks with their facts, from the cache or from reading them.

    They are kept as the index of images is: as long as the size and modification time
    of a mask's file stay the same, and not if a problem may pass. All masks have the
    same colours.
    """
    stamps = stamp_all(masks)
    colours = [list(colour) for colour in masks[0].colours] if masks else []
    kept = StampedRows("masks", [DECODER, MASKS_VERSION, colours], stamps, reporter)
    facts = [_facts(row) if (row := kept.get(stamp)) else None for stamp in stamps]
    unread = [index for index, known in enumerate(facts) if known is None]
    new: dict[Stamp, Facts] = {}
    if unread:
        try:
            with reporter.progress("reading masks", len(unread), "masks") as advance:
                read = parallel_map(_read, (masks[index] for index in unread))
                for index, found in zip(unread, read, strict=True):
                    facts[index] = found
                    if (stamp := stamps[index]) and not found.passing:
                        new[stamp] = _row(found)
                    advance()
        finally:  # after an interruption, what has been read is not read again
            kept.save(new, reporter, "masks")
    return [
        replace(mask, facts=known)
        for mask, known in zip(masks, facts, strict=True)
        if known is not None
    ]


def _read(mask: MaskFile) -> MaskFacts:
    try:
        values = mask.stored_values()
    except DataError as error:
        is_passing = isinstance(error, PassingError)
        return MaskFacts(problem=str(error), passing=is_passing)
    counts = np.bincount(values.ravel(), minlength=256)
    height, width = values.shape
    present = {int(value): int(counts[value]) for value in counts.nonzero()[0]}
    return MaskFacts(width, height, present)


def _row(facts: MaskFacts) -> Facts:
    return facts.width, facts.height, list(facts.counts.items()), facts.problem


def _facts(row: Facts) -> MaskFacts:
    width, height, counts, problem = row
    return MaskFacts(width, height, {value: count for value, count in counts}, problem)
