"""CSV, TSV and Parquet tables."""

import os
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from cnnxfer.config.prediction import InputOptions
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs import find_images

MISSING = "<no such file or directory>"
TABLES = ["photos/t.csv", "photos/T.TSV", "photos/t.parquet"]


def write(name: str, columns: dict[str, list[str | None]]) -> str:
    if name.endswith("parquet"):
        parquet.write_table(pa.table(columns), name)
    else:
        mark = "\t" if name.endswith("TSV") else ","
        rows = [list(columns), *zip(*columns.values(), strict=True)]
        lines = (mark.join(value or "" for value in row) for row in rows)
        Path(name).write_text("\n".join(lines) + "\n")
    return name


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", TABLES)
def test_paths_are_relative_to_the_table(name: str, found) -> None:
    absolute = os.path.abspath("[1].jpg")
    paths = ["b.jpg", "nosuch.jpg", absolute, None, "deep", "a.PNG"]
    write(name, {"label": list("abcdef"), "path": paths})
    assert found(name, "[1].jpg") == [
        ("photos/b.jpg", "photos/b.jpg"),
        ("photos/nosuch.jpg", MISSING),
        (absolute, "[1].jpg"),
        (f"{name}, row 4", "<no path>"),
        ("photos/deep/scan.jxl", "photos/deep/scan.jxl"),
        ("photos/deep/er/d.webp", "photos/deep/er/d.webp"),
        ("photos/a.PNG", "photos/a.PNG"),
        ("[1].jpg", "[1].jpg"),
    ]


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", TABLES)
def test_the_path_column_is_found_by_default(name: str, found) -> None:
    write(name, {"path": ["b.jpg"], "thumbnail": ["a.PNG"]})
    assert found(name) == [("photos/b.jpg", "photos/b.jpg")]
    assert found(name, column="thumbnail") == [("photos/a.PNG", "photos/a.PNG")]
    write(name, {"file": ["b.jpg"]})
    assert found(name) == [("photos/b.jpg", "photos/b.jpg")]
    write(name, {"label": ["x"], "Image Path": ["b.jpg"]})
    assert found(name) == [("photos/b.jpg", "photos/b.jpg")]
    write(name, {"image": ["b.jpg"], "file": ["b.jpg"]})
    with pytest.raises(DataError, match="columns 'image' and 'file'; any may be the"):
        find_images([name])


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("auto", "has no column 'path'; it has shot, label. Choose one with column."),
        ("shoot", "has no column 'shoot'; it has shot, label. Did you mean 'shot'?"),
    ],
)
def test_a_missing_column_is_refused(name: str, column: str, message: str) -> None:
    write(name, {"shot": ["b.jpg"], "label": ["a"]})
    with pytest.raises(DataError) as caught:
        find_images(["photos", name], InputOptions(column=column))
    assert message in str(caught.value)


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", TABLES)
def test_a_file_that_is_not_a_table_is_refused(name: str) -> None:
    Path(name).touch()
    with pytest.raises(DataError, match=r"is empty; expected a line|cannot be read: "):
        find_images([name])


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", TABLES)
def test_a_table_without_rows_is_accepted(name: str, found) -> None:
    write(name, {"path": []})
    assert found(name) == []


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", TABLES)
def test_globs_match_tables(name: str, found) -> None:
    write(name, {"path": ["b.jpg"]})
    assert found(f"photos/*{Path(name).suffix}", column="path")[0][0] == "photos/b.jpg"


@pytest.mark.usefixtures("input_files")
def test_quotes_byte_order_marks_and_any_encoding_are_accepted(found) -> None:
    Path("t.csv").write_bytes(
        b'\xef\xbb\xbfpath,note\r\n"a, ""b"".jpg",x\r\n\r\nname \xff.jpg\r\n,\r\n'
    )
    Path('a, "b".jpg').write_text("quoted")
    Path(os.fsdecode(b"name \xff.jpg")).write_text("odd")
    assert found("t.csv") == [
        ('a, "b".jpg', "quoted"),
        (os.fsdecode(b"name \xff.jpg"), "odd"),
    ]


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize(
    "content",
    [
        'label;path\n1,5;"a;b.jpg"\n',
        "\n label\tpath\n1,5\ta;b.jpg\n",
        "label;x,path\n1;5,a;b.jpg\n",
        'path;label;size (w, h)\n"a;b.jpg";x;5\n',
        "path\na;b.jpg\n",
    ],
)
def test_the_separator_of_the_header_separates_the_rows(content: str, found) -> None:
    Path("t.csv").write_text("\ufeff" + content, encoding="utf-8")
    assert found("t.csv") == [("a;b.jpg", MISSING)]


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_paths_are_found_as_other_programs_write_them(encoding: str, found) -> None:
    Path("caf\xe9.jpg").write_text("coffee")
    lines = ("sep=;", ' "path"; label', '"photos\\b.jpg" ;x', " [1] ;x", "caf\xe9;x")
    Path("t.csv").write_bytes("\r\n".join([*lines, ";", ""]).encode(encoding))
    assert found("t.csv", column="path") == [
        ("photos/b.jpg", "photos/b.jpg"),
        ("[1].jpg", "[1].jpg"),
        ("caf\xe9.jpg", "coffee"),
    ]


@pytest.mark.usefixtures("input_files")
def test_a_row_without_a_path_is_reported_in_order(found) -> None:
    Path("t.csv").write_text("label,path\na,[1].jpg\nb\nc,[1].jpg\n")
    assert found("t.csv")[1] == ("t.csv, row 2", "<no path>")
    assert len(found("t.csv")) == 3


@pytest.mark.usefixtures("input_files")
def test_a_table_without_a_header_is_refused() -> None:
    Path("t.csv").write_text("[1].jpg\nphotos/b.jpg\n")
    with pytest.raises(DataError, match=r"begins with '\[1\]\.jpg'.*: @t\.csv$"):
        find_images(["t.csv"])


@pytest.mark.usefixtures("input_files")
def test_a_damaged_csv_file_gives_its_earlier_rows(found) -> None:
    Path("t.csv").write_text('path,n\n[1].jpg,1\n"' + "x" * 200_000)
    first, second = found("t.csv")
    assert first == ("[1].jpg", "[1].jpg")
    assert second[0] == "t.csv"
    assert second[1].startswith("<damaged table: field larger than field limit")


@pytest.mark.usefixtures("input_files")
def test_a_damaged_parquet_file_gives_its_earlier_rows(found) -> None:
    rows = [f"{number}.jpg" for number in range(4000)]
    parquet.write_table(pa.table({"path": rows}), "t.parquet", row_group_size=2000)
    content = bytearray(Path("t.parquet").read_bytes())
    column = parquet.read_metadata("t.parquet").row_group(1).column(0)
    at = column.dictionary_page_offset
    content[at : at + 1000] = b"\xff" * 1000
    Path("t.parquet").write_bytes(content)
    results = found("t.parquet")
    assert results[0] == ("0.jpg", MISSING)
    assert 1000 < len(results) <= 2001
    assert results[-1][1].startswith("<damaged table: ")


@pytest.mark.usefixtures("input_files")
def test_a_parquet_column_must_contain_text(found) -> None:
    paths = pa.array(["[1].jpg", "photos/b.jpg"])
    table = pa.table(
        {
            "large": paths.cast(pa.large_string()),
            "encoded": paths.dictionary_encode(),
            "image": pa.array([{"bytes": b"x"}, {"bytes": b"y"}]),
        }
    )
    parquet.write_table(table, "t.parquet")
    for column in ("large", "encoded"):
        assert [text for _, text in found("t.parquet", column=column)] == [
            "[1].jpg",
            "photos/b.jpg",
        ]
    with pytest.raises(DataError, match=r"'image' of t\.parquet holds struct<"):
        find_images(["t.parquet"], InputOptions(column="image"))
