"""Parquet files that hold far more than their size tells."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet as arrow

from cnnxfer import unpacking
from cnnxfer.data.tables import parquet
from cnnxfer.data.tables.parquet import Reader
from cnnxfer.errors import DataError


def written(file: Path, rows_in_group: int = 1000, **columns: object) -> str:
    arrow.write_table(pa.table(columns), file, row_group_size=rows_in_group)
    return str(file)


def equal(text: str, times: int) -> pa.Array:
    """Returns one text many times, which a file stores once."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * times, pa.int32()), [text])


def test_honest_tables_are_read(tmp_path: Path) -> None:
    labels = [["rose", "red"], [], None]
    path = written(tmp_path / "a.parquet", 2, path=["1", "2", "3"], labels=labels)
    rows = list(Reader(path).rows(["path", "labels"]))
    assert rows == [("1", ["rose", "red"]), ("2", []), ("3", None)]
    path = written(tmp_path / "b.parquet", **{"a.b": equal("rose", 3)})
    assert list(Reader(path).rows(["a.b"])) == [("rose",)] * 3


@pytest.mark.parametrize("name", ["label", "other.name"])
def test_a_long_text_that_many_rows_share_is_not_copied(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {name: equal("x" * 1001, 2000)}
    path = written(tmp_path / "a.parquet", **columns)
    monkeypatch.setattr(parquet, "MAX_CELL_BYTES", 1001)
    assert len(list(Reader(path).rows([name]))) == 2000
    monkeypatch.setattr(parquet, "MAX_CELL_BYTES", 1000)
    monkeypatch.setattr(parquet, "BATCH_ROWS", None)  # no further batch is read
    expected = f"^a cell of column '{name}' has 1,001 bytes; the limit is 1,000$"
    with pytest.raises(DataError, match=expected):
        list(Reader(path).rows([name]))


def test_long_texts_in_lists_are_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = pa.ListArray.from_arrays([0, 2000], equal("x" * 1001, 2000))
    path = written(tmp_path / "a.parquet", label=lists)
    monkeypatch.setattr(parquet, "MAX_CELL_BYTES", 1000)
    with pytest.raises(DataError, match=r"^a cell of column 'label' has 1,001 bytes"):
        list(Reader(path).rows(["label"]))


def test_more_rows_or_values_than_the_file_has_room_for_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.parquet", 99_999, label=pa.nulls(99_999, pa.string()))
    assert len(Reader(path).columns) == 1
    lists = pa.ListArray.from_arrays([0, 999_999], equal("x", 999_999))
    long = written(tmp_path / "b.parquet", label=lists)
    monkeypatch.setattr(parquet, "ANY_VALUES", 1000)
    with pytest.raises(
        DataError,
        match=r"a\.parquet has 99,999 rows; the limit for its size is 1,\d+\.",
    ):
        Reader(path)
    monkeypatch.setattr(parquet, "MAX_RATIO", 50)
    with pytest.raises(DataError, match=r"^999,999 values; the limit for the file's "):
        list(Reader(long).rows(["label"]))


def test_a_column_that_unpacks_to_far_more_than_the_file_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"path": ["x" * 100_000] * 40, "label": ["rose"] * 40})
    arrow.write_table(table, path, compression="zstd", use_dictionary=False)
    monkeypatch.setattr(unpacking, "ANY_RATIO_BYTES", 1_000_000)
    with pytest.raises(
        DataError, match=r"^decompression bomb: .* unpack to 4\.0 MB or "
    ):
        list(Reader(str(path)).rows(["path", "label"]))
    assert len(list(Reader(str(path)).rows(["label"]))) == 40  # the others don't matter
