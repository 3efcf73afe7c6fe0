"""Unusual image files are seen as a person sees them, or refused with a reason."""

import numpy as np
import odd_files
import pytest
from decoding import decode_all

from cnnxfer.data.decoding import pool
from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.data.images.source import file_source

TABLE = list(odd_files.odd_files())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, list[list[DecodedImage]]]:
    """Answers all files in one pass, and all their frames in another, in order."""
    folder = tmp_path_factory.mktemp("odd")
    sources = {}
    for odd in TABLE:
        if odd.skip:
            continue
        path = folder / odd.name
        content = odd.make(path)
        if content is not None:
            path.write_bytes(content)
        sources[odd.name] = file_source(str(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "TIME_LIMIT_SECONDS", 1.0)
        patch.setattr(pool, "WORKERS", 2)
        passes = [
            list(decode_all(sources.values(), odd_files.look, frames=frames))
            for frames in ("first", "all")
        ]
    first, every = passes
    assert [record.source for record in first] == list(sources.values())
    order = [source for source in sources.values() for r in every if r.source is source]
    assert [record.source for record in every] == order
    return {
        name: [[r for r in records if r.source is source] for records in passes]
        for name, source in sources.items()
    }


def check(record: DecodedImage, outcome: odd_files.Outcome) -> None:
    if isinstance(outcome, str):
        assert record.error == outcome
        assert record.pixels is None
        return
    assert record.error is None
    assert (record.width, record.height) == outcome.size
    difference = np.abs(np.subtract(record.pixels, outcome.quarters, dtype=int))
    assert difference.max() <= outcome.tolerance, record.pixels.tolist()


def test_the_table_has_many_distinct_files():
    assert len(TABLE) >= 60
    assert len({odd.name for odd in TABLE}) == len(TABLE)


@pytest.mark.parametrize("odd", TABLE, ids=lambda odd: ascii(odd.name[:40]))
def test_each_odd_file_has_its_expected_outcome(outcomes, odd):
    if odd.skip:
        pytest.skip(odd.skip)
    [first], every = outcomes[odd.name]
    assert first.frame is None
    check(first, odd.outcome)
    frames = odd.frames or (odd.outcome,)
    numbers = list(range(len(frames))) if odd.frames else [None]
    assert [record.frame for record in every] == numbers
    for record, outcome in zip(every, frames, strict=True):
        check(record, outcome)
