"""Tests that specifications find their source, and others get a suggestion."""

from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.data import sources
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import MULTI_LABEL, Dataset, Example
from cnnxfer.data.sources import find_source, list_dataset
from cnnxfer.data.sources.tfds_specs import tfds_names
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
def test_the_source_of_a_specification_is_found(spec, name):
    assert find_source(spec).name == name


def test_data_is_found_in_the_other_unicode_form(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / "cafe\u0301" / name).mkdir(parents=True)
        (tmp_path / "cafe\u0301" / name / "1.jpg").touch()
    source = find_source("caf\xe9")
    assert source.absolute("caf\xe9") == str(tmp_path / "cafe\u0301")
    assert len(list_dataset("caf\xe9", Reporter()).examples) == 2


def test_an_empty_specification_is_refused():
    with pytest.raises(ConfigError, match=r"^no data called ''\. Expected one of: "):
        find_source("")


@pytest.mark.parametrize(
    ("name", "full", "source"),
    [
        ("sample", "cnnxfer:sample", "sample"),
        ("mnist", "tfds:mnist", "tfds"),
        ("imagenet_resized/32x32", "tfds:imagenet_resized/32x32", "tfds"),
    ],
)
def test_a_folder_takes_precedence_over_a_set_of_its_name(
    tmp_path: Path, monkeypatch, name: str, full: str, source: str
):
    monkeypatch.chdir(tmp_path)
    # What a run keeps means the set wherever the run is used.
    assert find_source(name).absolute(name) == full
    for label in ("rose", "lily"):
        (tmp_path / name / label).mkdir(parents=True)
        (tmp_path / name / label / "1.jpg").touch()
    reporter = RecordingReporter()
    assert find_source(name).name == "folder"
    assert len(list_dataset(name, reporter).examples) == 2
    assert reporter.lines == [
        f"{name} is {tmp_path / name}; the data set of this name is {full}"
    ]
    assert find_source(full).name == source
    list_dataset(f"./{name}", reporter)
    assert find_source(str(tmp_path)).name == "folder"
    assert len(reporter.lines) == 1


def test_a_file_with_the_name_of_a_set_is_told_apart(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample").touch()
    with pytest.raises(ConfigError, match=r"sample is a file .* is cnnxfer:sample\."):
        find_source("sample")


@pytest.mark.parametrize("config", ["", "big/"])
def test_a_prepared_set_is_found_by_its_name(tmp_path: Path, monkeypatch, config):
    prepared = tmp_path / f"my_flowers/{config}1.0.0/features.json"
    prepared.parent.mkdir(parents=True)
    prepared.touch()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    tfds_names.cache_clear()
    assert find_source(f"my_flowers/{config}").name == "tfds"
    tfds_names.cache_clear()


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("rosse", "roses"),
        ("roses.csv", "rose.csv"),
        ("rose.zpi", "rose.zip"),
        ("rose.tar.gzz", "rose.tar.gz"),
    ],
)
def test_the_error_for_missing_data_suggests_a_similar_name(
    tmp_path: Path, typed: str, near: str
):
    (tmp_path / "roses").mkdir()
    for name in ("rose.csv", "rose.zip", "rose.tar.gz", "rosse.txt"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=rf"{typed}'\. Did you mean '{near}'\?$"):
        find_source(str(tmp_path / typed))


def test_names_of_sets_are_suggested_and_forms_listed(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="Did you mean 'tf_flowers'"):
        find_source("tf_flower")
    with pytest.raises(ConfigError, match=r"Expected one of: sample, .*\.csv, \.tsv"):
        find_source("qqqqqqqqqq")
    with pytest.raises(ConfigError, match="there is no folder qqqqqqqqqq"):
        find_source("qqqqqqqqqq/flowers")
    with pytest.raises(ConfigError, match=r"a\.zip is not an address of data\. Expec"):
        find_source("ftp://example.org/a.zip")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.csv", "table"),
        ("A.TSV", "table"),
        ("a.jsonl", "table"),
        ("a.zip", "archive"),
        ("a.tar", "archive"),
        ("A.Tar.GZ", "archive"),
        ("a.tgz", "archive"),
    ],
)
def test_the_suffix_of_a_file_decides_its_source(tmp_path: Path, file: str, name: str):
    (tmp_path / file).write_text(
        '{"path": "", "label": ""}' if file.endswith("jsonl") else "path\tlabel\n"
    )
    assert find_source(str(tmp_path / file)).name == name


@pytest.mark.parametrize("name", ["a.txt", "a.jpg", "csv"])
def test_a_file_with_another_suffix_is_refused(tmp_path: Path, name: str):
    (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=rf"{name} is a file that cannot be read as"):
        find_source(str(tmp_path / name))


def test_the_columns_of_a_table_are_checked_first(tmp_path: Path):
    (tmp_path / "a.csv").write_text("path,lable\n")
    with pytest.raises(DataError, match="has no column 'label'"):
        find_source(str(tmp_path / "a.csv"))


def given(**fields: object) -> Dataset:
    defaults = {"name": "set", "class_names": (), "examples": ()}
    return Dataset(**{**defaults, **fields})  # type: ignore[arg-type]


@pytest.fixture
def load_given(monkeypatch: pytest.MonkeyPatch):
    """Returns a function that loads what it is given as if a source had listed it."""

    def load(**fields: object) -> Dataset:
        dataset = given(**fields)
        monkeypatch.setattr(
            sources, "load_object", lambda path: lambda spec, reporter: dataset
        )
        return list_dataset("sample", Reporter())

    return load


def test_classes_are_sorted_by_name(load_given):
    examples = tuple(
        Example(str(i), Labels((i,)), None, Path(str(i))) for i in (2, 0, 1, 0)
    )
    dataset = load_given(class_names=("tulip", "aster", "Rose"), examples=examples)
    assert dataset.class_names == ("Rose", "aster", "tulip")
    assert [example.id for example in dataset.examples] == ["2", "0", "1", "0"]
    assert [dataset.class_names[example.label] for example in dataset.examples] == [
        "Rose",
        "tulip",
        "aster",
        "tulip",
    ]


def test_multi_labels_are_renumbered_in_order(load_given):
    examples = (
        Example("a", Labels((0, 2)), None, Path("a")),
        Example("b", Labels(()), None, Path("b")),
    )
    dataset = load_given(
        class_names=("c", "b", "a"), examples=examples, task=MULTI_LABEL
    )
    assert [example.labels for example in dataset.examples] == [(0, 2), ()]
    dataset = load_given(
        class_names=("b", "c", "a"), examples=examples, task=MULTI_LABEL
    )
    assert [example.labels for example in dataset.examples] == [(0, 1), ()]


def test_classes_of_the_same_name_are_numbered(load_given):
    examples = tuple(
        Example(str(i), Labels((i,)), None, Path(str(i))) for i in range(3)
    )
    dataset = load_given(class_names=("crane", "bus", "crane"), examples=examples)
    assert dataset.class_names == ("bus", "crane (0)", "crane (2)")
    assert [example.label for example in dataset.examples] == [1, 0, 2]


def test_classes_in_two_unicode_forms_are_one(load_given):
    labels = [(0,), (1,), (2,), (0, 1)]
    dataset = load_given(
        class_names=("cafe\u0301", "caf\xe9", "caff"),
        examples=tuple(
            Example(str(n), Labels(of), None, Path()) for n, of in enumerate(labels)
        ),
    )
    # By the composed form; in the other, an e would stand before the f.
    assert dataset.class_names == ("caff", "cafe\u0301")
    assert [example.labels for example in dataset.examples] == [(1,), (1,), (0,), (1,)]
