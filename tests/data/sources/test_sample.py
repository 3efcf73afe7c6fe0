"""Tests that the sample is drawn once into the cache, then only listed."""

from collections import Counter
from pathlib import Path

import pytest

from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.preparing.splits import assign_splits
from cnnxfer.data.sample import flowers
from cnnxfer.data.sources import list_dataset
from cnnxfer.reporting import Reporter


def test_the_sample_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path))
    monkeypatch.setattr(flowers, "IMAGES_PER_CLASS", 4)
    first = list_dataset("sample", Reporter())
    assert (first.name, first.shuffled) == ("sample", False)
    assert first.class_names == flowers.CLASS_NAMES
    assert Counter(example.label for example in first.examples) == dict.fromkeys(
        range(5), 4
    )
    assert {example.split for example in first.examples} == {None}
    rows = build_index(first.examples, Reporter())
    assert not any(row.problem for row in rows)
    parts = assign_splits(rows, "75/15/10", shuffled=first.shuffled)
    assert Counter(parts) == {"train": 10, "validation": 5, "test": 5}

    def draw(class_name: str, number: int) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(flowers, "draw", draw)
    assert list_dataset("sample", Reporter()) == first
