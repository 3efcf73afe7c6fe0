"""Tests of tables of paths and labels, and of what may be wrong with them."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from cnnxfer.data.dataset import CLASSIFICATION, MULTI_LABEL, Dataset
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import list_dataset
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

FORMS = ["t.csv", "T.TSV", "t.jsonl", "t.parquet"]
Columns = dict[str, list[str | None]]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four files a.jpg to d.jpg beside the tables, and images/e.jpg."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "images/e.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)


def write(name: str, columns: Columns) -> str:
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    if name.endswith("parquet"):
        parquet.write_table(pa.table(columns), name)
    elif name.endswith("jsonl"):
        objects = (dict(zip(columns, row, strict=True)) for row in rows)
        Path(name).write_text("".join(json.dumps(row) + "\n" for row in objects))
    else:
        mark = "\t" if name.endswith("TSV") else ","
        lines = (
            mark.join(cell or "" for cell in row) for row in [list(columns), *rows]
        )
        Path(name).write_text("\n".join(lines) + "\n")
    return name


def csv(text: str) -> Dataset:
    Path("t.csv").write_text(text)
    return list_dataset("t.csv", Reporter())


def listed(dataset: Dataset) -> list[tuple[str, str, str | None]]:
    return [
        (
            example.id,
            "|".join(dataset.class_names[label] for label in example.labels),
            example.split,
        )
        for example in dataset.examples
    ]


def fails(message: str, text: str) -> None:
    with pytest.raises(DataError) as caught:
        csv(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", FORMS)
def test_every_file_format_gives_the_same_data(name: str):
    write(
        name,
        {
            "label": ["tulip", "rose", "rose"],
            "split": ["train", "Val", None],
            "path": ["b.jpg", "images/e.jpg", "a.jpg"],
            "camera": ["old", None, "new"],
        },
    )
    dataset = list_dataset(name, Reporter())
    assert (dataset.name, dataset.class_names) == (Path(name).stem, ("rose", "tulip"))
    assert listed(dataset) == [
        ("b.jpg", "tulip", "train"),
        ("images/e.jpg", "rose", "validation"),
        ("a.jpg", "rose", None),
    ]
    assert [example.read() for example in dataset.examples] == [
        b"b.jpg",
        b"images/e.jpg",
        b"a.jpg",
    ]
    assert dataset.columns == {"camera": ("old", "", "new")}
    assert dataset.task == CLASSIFICATION
    assert not dataset.shuffled


@pytest.mark.parametrize("name", FORMS)
def test_several_labels_in_a_row_make_the_set_multi_label(name: str):
    labels = ["red | rose", "tulip", None, "|", "rose|red|rose"]
    paths = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "images/e.jpg"]
    write(name, {"path": paths, "label": labels})
    dataset = list_dataset(name, Reporter())
    assert dataset.task == MULTI_LABEL
    assert dataset.class_names == ("red", "rose", "tulip")
    assert [label for _, label, _ in listed(dataset)] == [
        "red|rose",
        "tulip",
        "",
        "",
        "red|rose",
    ]


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_a_list_of_one_label_makes_the_set_multi_label(name: str):
    write(name, {"path": ["a.jpg", "b.jpg"], "labels": [["a"], ["b"]]})  # type: ignore
    assert list_dataset(name, Reporter()).task == MULTI_LABEL


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_lists_of_labels_make_the_set_multi_label(name: str):
    labels = [["rose"], [], ["b", "a"]]
    write(name, {"path": ["a.jpg", "b.jpg", "c.jpg"], "labels": labels})  # type: ignore
    dataset = list_dataset(name, Reporter())
    assert dataset.task == MULTI_LABEL
    assert [label for _, label, _ in listed(dataset)] == ["rose", "", "a|b"]


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
def test_numbers_can_be_class_names(name: str):
    write(name, {"path": ["a.jpg", "b.jpg"], "class": [10, 9], "age": [3, None]})  # type: ignore
    dataset = list_dataset(name, Reporter())
    assert dataset.class_names == ("10", "9")
    assert dataset.columns == {"age": ("3", "")}


@pytest.mark.parametrize(
    "header",
    [
        "path,label",
        "PATH,Label",
        "file,class",
        "File Name,class_name",
        "image-path,labels",
        "path,label,file,class",  # the first words go before the others
        "file,class,path,label",
    ],
)
def test_columns_can_have_alternative_names(header: str):
    count = header.count(",") // 2 + 1
    row = ",".join(["a.jpg", "rose"] * count)
    dataset = csv(f"{header}\n{row}\n")
    assert listed(dataset) == [("a.jpg", "rose", None)]
    assert len(dataset.columns) == 2 * count - 2


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,lable", "t.csv has no column 'label'; it has path, lable. Did you mean"),
        ("pth,label", "t.csv has no column 'path'; it has pth, label. Did you mean"),
        ("x,y", "Call the one with the paths 'path'."),
        ("", "t.csv is empty; expected a line with the names of its columns"),
        ("a.jpg,rose", "begins with 'a.jpg'; expected a line with the names of its"),
        ("file,image,label", "has the columns 'file' and 'image'; any may be the path"),
        ("path,Label,label", "has the columns 'Label' and 'label'; any may be the lab"),
        ("path,label\n\n", "t.csv has no rows; expected one an image."),
    ],
)
def test_a_table_without_its_columns_is_refused(header: str, message: str):
    fails(message, header)


def test_a_column_of_encoded_images_is_refused():
    table = pa.table({"image": [{"bytes": b"x"}], "label": ["rose"]})
    parquet.write_table(table, "t.parquet")
    with pytest.raises(DataError, match=r"'image' of t\.parquet holds struct<"):
        list_dataset("t.parquet", Reporter())


def test_columns_of_other_types_are_ignored():
    table = pa.table(
        {
            "path": ["a.jpg"],
            "label": ["rose"],
            "thumbnail": [b"x"],
            "box": [[1, 2]],
            "kind": pa.array(["old"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, "t.parquet")
    assert list_dataset("t.parquet", Reporter()).columns == {"kind": ("old",)}


def test_paths_are_relative_to_the_table_and_may_leave_its_folder(tmp_path: Path):
    outside = tmp_path / "a.jpg"
    write(
        "images/t.csv",
        {
            "path": ["e.jpg", "../b.jpg", "./x/../e2.jpg", str(outside), str(tmp_path)],
            "label": list("vwxyz"),
        },
    )
    inside = tmp_path / "images" / "f.jpg"
    inside.write_text("f")
    Path("images/t.csv").write_text(
        Path("images/t.csv").read_text() + f"{inside},inside\n"
    )
    for spec in ("images/t.csv", str(tmp_path / "images/t.csv")):
        dataset = list_dataset(spec, Reporter())
        assert [id for id, *_ in listed(dataset)] == [
            "e.jpg",
            "../b.jpg",
            "e2.jpg",
            outside.as_posix(),
            tmp_path.as_posix(),
            "f.jpg",
        ]
        assert dataset.examples[1].read() == b"b.jpg"
        assert dataset.examples[3].read() == b"a.jpg"
        rows = build_index(dataset.examples, Reporter())
        assert [row.problem for row in rows][2] == "no such file or directory"
        assert [row.problem for row in rows][4] == "not a file"


def test_spaces_and_windows_paths_are_accepted():
    Path(" f .jpg").write_text("f")
    Path("f .jpg").write_text("another")
    dataset = csv(
        "label , path, split\n"
        "rose, a.jpg, train\n"
        "tulip,images\\e.jpg , TEST \n"
        "lily, f .jpg,\n"
    )
    assert dataset.class_names == ("lily", "rose", "tulip")
    assert [example.split for example in dataset.examples] == ["train", "test", None]
    assert [example.read() for example in dataset.examples] == [
        b"a.jpg",
        b"images/e.jpg",
        b"f",
    ]


def test_tables_written_by_spreadsheets_are_read():
    Path("caf\xe9.jpg").write_text("x")
    lines = ("\ufeffpath;label", '"a.jpg";"50 %; red"', ";", "caf\xe9.jpg;ros\xe9", "")
    Path("t.csv").write_bytes("\r\n".join(lines).encode())
    dataset = list_dataset("t.csv", Reporter())
    assert listed(dataset) == [
        ("a.jpg", "50 %; red", None),
        ("caf\xe9.jpg", "ros\xe9", None),
    ]


def test_names_that_are_not_utf8_can_be_written():
    Path("t.csv").write_bytes(b"path,label,by\na.jpg,caf\xe9,\xe9\nb.jpg,rose,x\n")
    dataset = list_dataset("t.csv", Reporter())
    assert dataset.class_names == ("caf\\xe9", "rose")
    assert dataset.columns == {"by": ("\\xe9", "x")}


def test_utf16_is_refused():
    Path("t.csv").write_bytes("\ufeffpath,label\na.jpg,rose\n".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"t\.csv is in UTF-16; save it as CSV"):
        list_dataset("t.csv", Reporter())
    Path("t.jsonl").write_bytes('{"path": "caf\xe9.jpg"}'.encode("latin-1"))
    with pytest.raises(DataError, match=r"t\.jsonl is not in UTF-8; save it as UTF-8"):
        list_dataset("t.jsonl", Reporter())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.jpg,rose,tset", "t.csv, row 2 has the split 'tset'. Did you mean 'test'?"),
        (",rose,", "t.csv, row 2 has no path. Fill it in, or delete the row."),
        (
            "https://example.org/a.jpg,rose,",
            "t.csv, row 2 names an address, https://example.org/a.jpg; expected a",
        ),
        ("s3://flowers/a.jpg,rose,", "t.csv, row 2 names an address, s3://flowers/a."),
        ("a.jpg,,", "t.csv, row 2: no label. Fill it in, or delete the row."),
        ("a.jpg", "t.csv, row 2: no label. Fill it in"),
        (
            "a.jpg,rose, white,test",
            "row 2 cannot be read: 4 cells under 3 columns; put a cell",
        ),
        ("b.jpg,rose,test", "rows 1 and 2: b.jpg is in two splits, none and test."),
        (
            "./b.jpg,rose,",
            "rows 1 and 2: b.jpg is of two classes, tulip and rose. Keep",
        ),
        ("b.jpg,rose,", "if images may have several labels, write tulip|rose."),
        ("a\0.jpg,rose,", "t.csv, row 2 has the path 'a\\x00.jpg', which no file can"),
        (
            '"' + "x" * 200_000,
            "t.csv, row 2 cannot be read: field larger than field lim",
        ),
    ],
)
def test_the_error_names_an_invalid_row(row: str, message: str):
    fails(message, f"path,label,split\nb.jpg,tulip,\n{row}\n")


def test_unlabelled_rows_are_counted():
    rows = "".join(
        f"{number}.jpg,{'x' if number % 2 else ''}\n" for number in range(20)
    )
    fails("t.csv, rows 1, 3, 5, 7, 9 and 5 more: no label.", f"path,label\n{rows}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1]", "t.jsonl, line 2 is [1]; expected an object a line, such as"),
        ("{path: 1}", "t.jsonl, line 2 is not JSON; expected an object a line"),
        ("[" * 100_000, "t.jsonl, line 2 is not JSON; expected an object a line"),
        (
            '{"path": "b.jpg", "label": NaN}',
            "t.jsonl, row 2: no label. Fill it in, or delete the row.",
        ),
        ('{"path": 5, "label": "x"}', "t.jsonl, row 2 has the path 5; expected text."),
        (
            '{"path": "b.jpg", "label": {"x": 1}}',
            "row 2 holds {'x': 1}; expected text.",
        ),
        (
            '{"path": "\\ud800.jpg", "label": "x"}',
            "t.jsonl, row 2 holds '\\ud800.jpg', ",
        ),
    ],
)
def test_the_error_names_an_invalid_line(line: str, message: str):
    Path("t.jsonl").write_text(f'{{"path": "a.jpg", "label": "rose"}}\n{line}\n')
    with pytest.raises(DataError) as caught:
        list_dataset("t.jsonl", Reporter())
    assert message in str(caught.value)


def test_the_first_json_object_may_lack_a_key():
    Path("t.jsonl").write_text(
        '{"path": "a.jpg", "label": "rose"}\n\n'
        '{"path": "b.jpg", "label": "rose", "split": "test", "by": "me"}\n'
    )
    dataset = list_dataset("t.jsonl", Reporter())
    assert [example.split for example in dataset.examples] == [None, "test"]
    assert dataset.columns == {"by": ("", "me")}


def test_rows_of_the_same_file_become_one_image():
    dataset = csv("path,label,by\na.jpg,rose,me\nb.jpg,lily,me\n./a.jpg,rose,you\n")
    assert listed(dataset) == [("a.jpg", "rose", None), ("b.jpg", "lily", None)]
    assert dataset.columns == {"by": ("me", "me")}
    dataset = csv("path,label\na.jpg,rose\nb.jpg,lily|red\na.jpg,red\n")
    assert listed(dataset) == [("a.jpg", "red|rose", None), ("b.jpg", "lily|red", None)]


def test_a_table_none_of_whose_files_exists_is_refused():
    fails(
        "t.csv names 2 files, and none exists, such as x/a.jpg. Write paths relative",
        "path,label\nx/a.jpg,rose\nx/b.jpg,lily\n",
    )
    rows = build_index(csv("path,label\nx.jpg,rose\na.jpg,b\n").examples, Reporter())
    assert rows[0].problem == "no such file or directory"


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_file_that_is_not_a_table_is_refused(name: str):
    Path(name).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    with pytest.raises(DataError, match=re.escape(name)):
        list_dataset(name, Reporter())
