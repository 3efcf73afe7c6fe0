"""A specification finds its source; what is none is named, with the nearest name."""

from pathlib import Path

import pytest

from cnnxfer.data import sources
from cnnxfer.data.sources import find_source, load_dataset
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.reporting import Reporter


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("sample", "sample"),
        ("tf_flowers", "tfds"),
        ("tf_flowers:3.0.1", "tfds"),
        ("cifar10", "tfds"),
        ("imagenet_resized/32x32", "tfds"),
        ("tfds:anything", "tfds"),
    ],
)
def test_a_specification_finds_its_source(spec, name):
    assert find_source(spec).name == name


def test_a_folder_goes_before_a_set_of_its_name(tmp_path: Path, monkeypatch):
    (tmp_path / "tf_flowers").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_source("tf_flowers").name == "folder"
    assert find_source(str(tmp_path)).name == "folder"


@pytest.mark.parametrize("config", ["", "big/"])
def test_a_prepared_set_is_known_by_its_name(tmp_path: Path, monkeypatch, config):
    prepared = tmp_path / f"my_flowers/{config}1.0.0/features.json"
    prepared.parent.mkdir(parents=True)
    prepared.touch()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    sources.tfds_names.cache_clear()
    assert find_source(f"my_flowers/{config}").name == "tfds"
    sources.tfds_names.cache_clear()


def test_what_is_no_data_is_named_with_the_nearest_name(tmp_path: Path):
    with pytest.raises(ConfigError, match="Did you mean 'tf_flowers'"):
        find_source("tf_flower")
    (tmp_path / "roses").mkdir()
    near = f"Did you mean '{tmp_path / 'roses'}'"
    with pytest.raises(ConfigError, match=near):
        find_source(str(tmp_path / "rosse"))
    with pytest.raises(ConfigError, match="Expected one of: sample, a folder"):
        find_source("qqqqqqqqqq")


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(ConfigError, match=r"a\.txt is a file; expected a folder"):
        find_source(str(tmp_path / "a.txt"))


def test_one_class_is_too_few(tmp_path: Path):
    (tmp_path / "rose").mkdir()
    (tmp_path / "rose" / "1.jpg").touch()
    with pytest.raises(DataError, match=r"has 1 class \(rose\); expected at least two"):
        load_dataset(str(tmp_path), Reporter())
