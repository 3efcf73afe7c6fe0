"""Tests of tables of paths and labels, and of what may be wrong with them."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from recording_reporter import RecordingReporter

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
        ("path,label,label", "has the columns 'label' and 'label'; any may be the lab"),
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


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"],
)
def test_every_usual_encoding_is_read(encoding: str, end: str):
    Path("caf\xe9.jpg").write_text("x")
    lines = ("path,label", "a.jpg,tulip", "caf\xe9.jpg,ros\xe9", "", ",", "")
    Path("t.csv").write_bytes(end.join(lines).encode(encoding))
    reporter = RecordingReporter()
    dataset = list_dataset("t.csv", reporter)
    assert listed(dataset) == [
        ("a.jpg", "tulip", None),
        ("caf\xe9.jpg", "ros\xe9", None),
    ]
    assert [example.read() for example in dataset.examples] == [b"a.jpg", b"x"]
    said = ["read as Windows-1252, such as 'ros\xe9'. If that is wrong, save it as"]
    assert all(
        part in warning
        for part, warning in zip(
            said * (encoding == "cp1252"), reporter.warnings, strict=True
        )
    )


@pytest.mark.parametrize(
    "label",
    [
        "\u0440\u043e\u0437\u0430".encode("cp1251"),
        "\u0440\u043e\u0437\u0430".encode("koi8-r"),
        "r\u016f\u017ee".encode("cp1250"),
        "caf\xe9".encode("mac-roman"),
        "\u82b1".encode("shift-jis"),
    ],
)
def test_encodings_that_cannot_be_known_are_refused(label: bytes):
    Path("t.csv").write_bytes(b"path,label\na.jpg,x\nb.jpg," + label + b"\n")
    message = r"t\.csv, row 2 holds '.*', neither UTF-8 nor Windows-1252; save it as"
    with pytest.raises(DataError, match=message):
        list_dataset("t.csv", Reporter())


def test_marks_and_encodings_of_json_lines():
    line = '{"path": "a.jpg", "label": "ros\xe9"}\n'
    for encoding in ("utf-16", "utf-8-sig", "cp1252"):
        Path("t.jsonl").write_bytes(line.encode(encoding))
        assert list_dataset("t.jsonl", Reporter()).class_names == ("ros\xe9",)


@pytest.mark.parametrize(
    "text",
    [
        'path, label\n"a.jpg", "iris, blue"\nb.jpg , iris\n',
        '"path" ,"label"\n "a.jpg" ,\t"iris, blue" \n"b.jpg", "iris"\n',
        'sep=;\npath;label\n"a.jpg"; "iris, blue"\nb.jpg;"iris"\n;\n',
        '# exported; by hand\n\npath\tlabel\n a.jpg\t"iris, blue" \nb.jpg\tiris\n',
        '"path";"label"; "a, b"\n"a.jpg";"iris, blue";""\nb.jpg;iris;\n',
    ],
)
def test_blanks_quotes_and_separators_are_no_part_of_a_name(text: str):
    assert listed(csv(text)) == [
        ("a.jpg", "iris, blue", None),
        ("b.jpg", "iris", None),
    ]


@pytest.mark.parametrize("marks", ["''", "\u201c\u201d", "\xab\xbb"])
def test_other_quotation_marks_around_every_label_are_left_out(marks: str):
    one, other = marks
    lines = ["path|label", f"'a.jpg'|{one}rose{other}", f"b.jpg|{one} iris {other}"]
    assert [label for _, label, _ in listed(csv("\n".join(lines)))] == ["rose", "iris"]
    dataset = csv("path,label\na.jpg,'s-Gravenhage'\nb.jpg,iris\n")
    assert dataset.class_names == ("'s-Gravenhage'", "iris")


@pytest.mark.parametrize("label", ["['rose', 'red']", '[""rose""]', "[]"])
def test_lists_written_as_text_are_refused(label: str):
    fails("which is a list; expected its", f'path,label\na.jpg,x\nb.jpg,"{label}"\n')


def test_whole_numbers_are_names_without_a_point():
    write("t.jsonl", {"path": ["a.jpg", "b.jpg"], "label": [1.0, 2.5]})  # type: ignore
    assert list_dataset("t.jsonl", Reporter()).class_names == ("1", "2.5")


def test_a_table_that_was_appended_has_a_header_of_its_own():
    text = "\ufeffpath,label\na.jpg,x\n"
    assert listed(csv(text + text.replace("a.jpg", "b.jpg"))) == [
        ("a.jpg", "x", None),
        ("b.jpg", "x", None),
    ]


def test_names_of_columns_have_no_blanks_around_them():
    assert csv("path, label , caf\xe9\na.jpg,x,me\n").columns == {"caf\xe9": ("me",)}
    Path("t.csv").write_bytes("path,label,caf\xe9\na.jpg,x,me\n".encode("cp1252"))
    assert list_dataset("t.csv", Reporter()).columns == {"caf\xe9": ("me",)}


def test_one_file_under_several_spellings_is_one_image(tmp_path: Path):
    Path("link").symlink_to(".")
    paths = ["a.jpg", "./a.jpg", " a.jpg ", "images\\..\\a.jpg", "link/a.jpg"]
    paths.append(str(tmp_path / "a.jpg"))
    rows = "".join(f"{path},rose\n" for path in ["images\\e.jpg", *paths])
    assert listed(csv(f"path,label\n{rows}")) == [
        ("images/e.jpg", "rose", None),
        ("a.jpg", "rose", None),
    ]
    fails("rows 1 and 2: link/a.jpg is of", "path,label\na.jpg,rose\nlink/a.jpg,x\n")


def test_links_are_images_of_their_own():
    Path("hard.jpg").hardlink_to("a.jpg")
    Path("soft.jpg").symlink_to("b.jpg")
    Path("gone.jpg").symlink_to("nowhere.jpg")
    names = ("a.jpg", "hard.jpg", "b.jpg", "soft.jpg", "gone.jpg")
    rows = "".join(f"{name},{number}\n" for number, name in enumerate(names))
    dataset = csv(f"path,label\n{rows}")
    assert [example.id for example in dataset.examples] == list(names)
    assert dataset.examples[3].read() == b"b.jpg"


def test_images_can_be_named_without_their_suffix():
    Path("images/e.txt").write_text("not an image")
    Path("c.PNG").write_text("c")
    dataset = csv("path,label\na,rose\nimages\\e,lily\nnone,lily\n")
    assert [id for id, *_ in listed(dataset)] == ["a.jpg", "images/e.jpg", "none"]
    fails(
        "t.csv, row 2 has the path 'c', which may mean c.PNG or c.jpg. Write it in",
        "path,label\na,rose\nc,lily\n",
    )


def test_names_are_found_and_compared_in_any_unicode_form():
    composed, apart = "caf\xe9", "cafe\u0301"
    Path(apart).mkdir()
    Path(apart, f"{apart}.jpg").write_text("x")
    Path(f"{composed}.jpg").write_text("x")
    table = f"path,label\n{composed}/{composed}.jpg,{composed}\na.jpg,{apart}\n"
    dataset = csv(table + f"{composed}/{composed},{apart}\n{apart}.jpg,x\n")
    assert listed(dataset) == [
        (f"{apart}/{apart}.jpg", composed, None),
        ("a.jpg", composed, None),
        (f"{composed}.jpg", "x", None),
    ]


@pytest.mark.parametrize(
    ("columns", "splits", "said"),
    [
        ({"is_valid": "False True 0"}, "train validation train", "column 'is_valid'"),
        ({"Set": "train val test"}, "train validation test", "column 'Set'"),
        ({"x": "Training testing -"}, "train test None", "column 'x'"),
        (
            {"is valid": "1 0 0", "is-test": "no no yes"},
            "validation train test",
            "columns 'is valid' and 'is-test'",
        ),
        ({"is_valid": "0 1 0", "set": "train val train"}, "train validation train", ""),
    ],
)
def test_splits_of_other_columns_are_used(
    columns: dict[str, str], splits: str, said: str
):
    values = {name: text.replace("-", "").split(" ") for name, text in columns.items()}
    table = {"path": ["a.jpg", "b.jpg", "c.jpg"], "label": list("xyz"), **values}
    reporter = RecordingReporter()
    dataset = list_dataset(write("t.csv", table), reporter)  # type: ignore[arg-type]
    assert [str(example.split) for example in dataset.examples] == splits.split()
    assert said in reporter.infos[0]
    assert not reporter.warnings


@pytest.mark.parametrize(
    ("columns", "warning"),
    [
        ({"fold": "0 1 2"}, "It has 0, 1, 2. To keep the images of a fold in one"),
        ({"Usage": "Training PublicTest PrivateTest"}, "It has Training, PublicTest, "),
        ({"is_train": "1 0 0"}, "It has 1, 0. For splits of your own, call it 'split'"),
        ({"is_valid": "1 1 0"}, "It has 1, 0. For splits of your own, call it 'split'"),
        ({"purpose": "train train holdout"}, "It has train, holdout. For splits of"),
        ({"partition": "0 1 2"}, "'partition' of t.csv is not used to split. It has"),
        ({"a": "train val val", "b": "train val test"}, "'a' of t.csv is not used to"),
        ({"weight": "1 2 1"}, "column 'weight' of t.csv is not used. An image has no"),
        ({"xmin": "1 2 1", "ymin": "1 2 1"}, "columns 'xmin' and 'ymin' of t.csv are"),
        ({"exclude": "1 0 0"}, "All rows count. Delete the others, or list their"),
    ],
)
def test_columns_that_look_like_instructions_are_not_silently_ignored(
    columns: dict[str, str], warning: str
):
    values = {name: text.split(" ") for name, text in columns.items()}
    table = {"path": ["a.jpg", "b.jpg", "c.jpg"], "label": list("xyz"), **values}
    reporter = RecordingReporter()
    dataset = list_dataset(write("t.csv", table), reporter)  # type: ignore[arg-type]
    assert {example.split for example in dataset.examples} == {None}
    assert warning in reporter.warnings[0]


@pytest.mark.parametrize(
    "columns",
    [
        {"vehicle": "train bus train"},
        {"phase": "bud bloom bud"},
        {"dataset": "isic ham ham"},
        {"crop": "rye oat rye"},
    ],
)
def test_columns_of_ordinary_words_need_no_warning(columns: dict[str, str]):
    values = {name: text.split(" ") for name, text in columns.items()}
    table = {"path": ["a.jpg", "b.jpg", "c.jpg"], "label": list("xyz"), **values}
    reporter = RecordingReporter()
    list_dataset(write("t.csv", table), reporter)  # type: ignore[arg-type]
    assert reporter.lines == []


def test_a_second_column_of_labels_is_told():
    reporter = RecordingReporter()
    table = {"path": ["a.jpg"], "label": ["1"], "class_name": ["x"], "by": ["me"]}
    dataset = list_dataset(write("t.csv", table), reporter)  # type: ignore[arg-type]
    assert dataset.class_names == ("1",)
    assert reporter.infos == [
        "the labels of t.csv are those of its column 'label', not of 'class_name'. To "
        "use another, call it 'label', and the others differently."
    ]


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
        ('a.jpg,"rose,', "t.csv, row 2 cannot be read: unexpected end of data."),
        ('a.jpg,"ro"se,', "t.csv, row 2 cannot be read: ',' expected after '\"'."),
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
        "t.csv names 2 files, and none exists, such as x/y.jpg. Write paths relative",
        "path,label\nx/y.jpg,rose\nx/z.jpg,lily\n",
    )
    for path in ("C:\\Users\\me\\images\\e.jpg", "/home/me/images/e.jpg", "e"):
        fails("images/e.jpg exists. Write paths relative", f"path,label\n{path},rose\n")
    rows = build_index(csv("path,label\nx.jpg,rose\na.jpg,b\n").examples, Reporter())
    assert rows[0].problem == "no such file or directory"


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_file_that_is_not_a_table_is_refused(name: str):
    Path(name).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    with pytest.raises(DataError, match=re.escape(name)):
        list_dataset(name, Reporter())
