"""Tests of what every source must do."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

from cnnxfer.data.dataset import CLASSIFICATION, LOCALIZATION, Dataset, read_bytes
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import SOURCES, find_source, list_dataset
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.reporting import Reporter

sys.path.insert(0, str(Path(__file__).parent))

from factories import BROKEN, CLASS_NAMES, FACTORIES, photos
from factories_packed import FACTORIES as PACKED

ALL = {**FACTORIES, **PACKED}


@pytest.fixture(params=SOURCES.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def spec(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    return ALL[name](tmp_path / "data", monkeypatch)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def seen(dataset: Dataset) -> list[tuple[str, str, str | None]]:
    return sorted(
        (sha256(example.read()), dataset.class_names[example.label], example.split)
        for example in dataset.examples
    )


def test_the_contract_covers_every_source():
    assert set(ALL) == set(SOURCES.names())


def test_a_specification_belongs_to_its_source(name: str, spec: str):
    assert find_source(spec).name == name


def test_images_classes_and_splits_are_read(name: str, spec: str):
    dataset = list_dataset(spec, Reporter())
    assert dataset.class_names == tuple(sorted(CLASS_NAMES))
    has_boxes = name == "annotations"
    assert dataset.task == (LOCALIZATION if has_boxes else CLASSIFICATION)
    assert seen(dataset) == sorted(
        (sha256(photo.content), photo.class_name, photo.split) for photo in photos()
    )


def test_examples_point_to_their_images(spec: str):
    for example in list_dataset(spec, Reporter()).examples:
        place = (example.path, example.offset, example.size_bytes)
        assert read_bytes(*place) == example.read()


def test_ids_are_unique_and_the_same_with_an_empty_cache(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def ids() -> dict[str, tuple[str, str | None]]:
        dataset = list_dataset(spec, Reporter())
        found = {
            example.id: (sha256(example.read()), example.split)
            for example in dataset.examples
        }
        assert len(found) == len(dataset.examples)
        return found

    first = ids()
    assert ids() == first
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "another cache"))
    assert ids() == first


def test_a_broken_image_is_reported(spec: str):
    rows = build_index(list_dataset(spec, Reporter()).examples, Reporter())
    (broken,) = (row for row in rows if row.problem)
    assert broken.sha256 == sha256(BROKEN)
    sound = [row for row in rows if not row.problem]
    assert {(row.width, row.height, row.format) for row in sound} == {(16, 12, "PNG")}


def test_the_error_names_data_that_does_not_exist(spec: str):
    with pytest.raises((ConfigError, DataError)) as caught:
        list_dataset(f"{spec}-gone", Reporter())
    assert f"{os.path.basename(spec)}-gone" in str(caught.value)


def test_an_absolute_specification_works_from_another_directory(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = list_dataset(spec, Reporter())
    monkeypatch.chdir(tmp_path)
    here = os.path.relpath(spec) if os.path.exists(spec) else spec
    absolute = find_source(here).absolute(here)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert seen(list_dataset(absolute, Reporter())) == seen(expected)
