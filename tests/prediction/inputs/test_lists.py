"""Lists in files and on stdin."""

import io
import os
import subprocess
import sys
import threading
import zipfile
from itertools import islice
from pathlib import Path

import pytest

from cnnxfer.config.prediction import InputOptions
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs import count_images, find_images

MISSING = "<no such file or directory>"


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch):
    """Returns a function that puts bytes on stdin."""

    def set_stdin(content: bytes) -> None:
        stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))
        monkeypatch.setattr(sys, "stdin", stream)

    return set_stdin


@pytest.mark.usefixtures("input_files")
def test_a_list_can_name_files_folders_archives_and_missing_files(found) -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("in.jpg", "packed")
    Path("lists").mkdir()
    Path("lists/all.txt").write_text(
        "photos/b.jpg\n\n  \nnosuch.jpg\nphotos/deep\na.zip\nempty\n@lists/all.txt"
    )
    assert found("[1].jpg", "@lists/all.txt", "photos/notes.txt") == [
        ("[1].jpg", "[1].jpg"),
        ("photos/b.jpg", "photos/b.jpg"),
        ("nosuch.jpg", MISSING),
        ("photos/deep/scan.jxl", "photos/deep/scan.jxl"),
        ("photos/deep/er/d.webp", "photos/deep/er/d.webp"),
        ("a.zip/in.jpg", "packed"),
        ("empty", "<holds no images>"),
        ("@lists/all.txt", MISSING),
        ("photos/notes.txt", "photos/notes.txt"),
    ]


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("entry", ["/", "//", "/.", "'/'"])
def test_a_list_never_means_the_whole_disk(entry: str, found) -> None:
    Path("list").write_text(f"{entry}\nphotos/b.jpg\n")
    reason = "<the whole disk; expected a file or a folder on it>"
    assert found("@list")[0] in {(entry, reason), (entry, MISSING)}
    assert count_images(["@list"]) == 2


@pytest.mark.usefixtures("input_files")
def test_folders_of_a_list_follow_the_options(found) -> None:
    Path("list").write_text("photos")
    assert len(found("@list", recursive=False)) == 2


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("item", ["@list", "-"])
@pytest.mark.parametrize(
    "content",
    [
        b"photos/b.jpg\nname \xff.jpg\n",
        b"photos/b.jpg\r\nname \xff.jpg",
        b"photos/b.jpg\0name \xff.jpg\0",
        b"\xef\xbb\xbfphotos/b.jpg\nname \xff.jpg",
    ],
)
def test_lists_are_separated_by_newlines_or_nuls(
    item: str, content: bytes, stdin, found
) -> None:
    Path("list").write_bytes(content)
    stdin(content)
    Path(os.fsdecode(b"name \xff.jpg")).write_text("odd")
    assert found(item) == [
        ("photos/b.jpg", "photos/b.jpg"),
        (os.fsdecode(b"name \xff.jpg"), "odd"),
    ]


@pytest.mark.usefixtures("input_files")
def test_names_separated_by_nuls_may_contain_newlines(stdin, found) -> None:
    Path("a\nb.jpg").write_text("two lines")
    Path("c.jpg\r").write_text("return")
    stdin(b"a\nb.jpg\0c.jpg\r\0")
    assert found("-") == [("a\nb.jpg", "two lines"), ("c.jpg\r", "return")]


@pytest.mark.usefixtures("input_files")
def test_names_that_cross_read_blocks_are_complete(found) -> None:
    entries = [f"{number}-{'x' * 900}.jpg" for number in range(300)]
    Path("list").write_text("\n".join(entries))
    assert [name for name, _ in found("@list")] == entries


@pytest.mark.usefixtures("input_files")
def test_a_file_that_is_not_a_list_is_reported(found) -> None:
    Path("list").write_bytes(b"a.jpg\n" + b"x" * 10_000_000)
    assert found("@list") == [("a.jpg", MISSING), ("@list", "<not a list of paths>")]


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("item", ["@list", "-"])
def test_an_empty_list_is_accepted(item: str, stdin, found) -> None:
    Path("list").touch()
    stdin(b"")
    assert found(item) == []


@pytest.mark.usefixtures("input_files")
def test_stdin_is_read_as_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with open(reading) as stream, open(writing, "wb", buffering=0) as source:
        monkeypatch.setattr(sys, "stdin", stream)
        sources = find_images(["-"])
        for name in (b"photos/b.jpg", b"[1].jpg"):
            source.write(name + b"\n")
            # Would wait for ever if it asked for more than there is.
            assert read_within_seconds(sources) == name


def read_within_seconds(sources) -> bytes:
    results: list[bytes] = []
    thread = threading.Thread(
        target=lambda: results.append(next(sources).read()), daemon=True
    )
    thread.start()
    thread.join(10)
    assert results, "still waiting"
    return results[0]


@pytest.mark.usefixtures("input_files")
def test_pipes_and_stdin_are_not_counted(stdin) -> None:
    os.mkfifo("pipe")
    stdin(b"photos/b.jpg")
    assert count_images(["@pipe"]) is None
    assert count_images(["-"]) is None
    assert next(find_images(["-"])).read() == b"photos/b.jpg"


@pytest.mark.usefixtures("input_files")
def test_a_long_list_is_read_lazily() -> None:
    with open("list", "w") as stream:
        stream.writelines(f"{number}.jpg\n" for number in range(100_000))
    first = list(islice(find_images(["@list"]), 3))
    assert [source.name for source in first] == ["0.jpg", "1.jpg", "2.jpg"]
    assert count_images(["@list"]) == 100_000


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("@nosuch.txt", "'nosuch.txt', which does not exist"),
        ("@photos/note.txt", "Did you mean 'notes.txt'?"),
        ("@photos", "which is a folder. Name the folder without the @."),
        ("@", "'', which does not exist"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(item: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        find_images(["photos", item])
    assert message in str(caught.value)


@pytest.mark.usefixtures("input_files")
def test_a_list_without_permission_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("list").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(DataError, match="the list list cannot be read: permission den"):
        find_images(["@list"])


@pytest.mark.usefixtures("input_files")
def test_stdin_of_a_process() -> None:
    code = (
        "from cnnxfer.prediction.inputs import find_images;"
        "print([source.read() for source in find_images(['-'])])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], input=b"photos/b.jpg\n", capture_output=True
    )
    assert result.stdout.strip() == b"[b'photos/b.jpg']", result.stderr


STOPS = """
from cnnxfer.data.decoding.pool import Decoders
from cnnxfer.prediction.inputs import find_images
from cnnxfer.prediction.tta import tta_views
print(next(Decoders(tta_views("none", 1.0, 8)).decode(find_images(["-"]))).error)
"""


@pytest.mark.usefixtures("input_files")
def test_a_process_ends_while_stdin_is_still_open() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(b"nosuch.jpg\n")
        process.stdin.flush()
        assert process.wait(60) == 0, process.stderr.read()
        assert process.stdout.read() == b"no such file or directory\n"
        assert process.stderr.read() == b""


@pytest.mark.usefixtures("input_files")
def test_a_closed_stdin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as Python has it then
    with pytest.raises(DataError, match="- means a list on stdin, which is closed"):
        find_images(["-"])


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_lists_are_read_as_other_programs_write_them(
    encoding: str, end: str, found
) -> None:
    Path("cafe\u0301.jpg").write_text("coffee")
    Path("#1.jpg").write_text("first")
    lines = ['"photos\\b.jpg"', "# a remark", "#1.jpg", "  [1].jpg ", "caf\xe9", "#"]
    Path("list").write_bytes(end.join([*lines, ""]).encode(encoding))
    assert found("@list") == [
        ("photos/b.jpg", "photos/b.jpg"),
        ("#1.jpg", "first"),
        ("[1].jpg", "[1].jpg"),
        ("cafe\u0301.jpg", "coffee"),
    ]
    assert count_images(["@list"]) == 4


@pytest.mark.usefixtures("input_files")
def test_an_entry_that_may_mean_several_files_is_reported(found) -> None:
    Path("[1].png").write_text("another")
    Path("list").write_text("[1]\nphotos/b.jpg\n")
    assert found("@list") == [
        ("[1]", "<may mean [1].jpg or [1].png>"),
        ("photos/b.jpg", "photos/b.jpg"),
    ]
    Path("list").write_text("\\\n")  # which is no other way to write /
    assert found("@list") == [("\\", MISSING)]
    Path("list").write_bytes(b"#2.jpg\0photos/b.jpg")  # NUL: names are exact
    assert found("@list")[0] == ("#2.jpg", MISSING)


@pytest.mark.usefixtures("input_files")
def test_private_addresses_in_a_list_are_refused(found) -> None:
    Path("list").write_text("http://127.0.0.1:9/a.jpg")
    assert find_images(["@list"], InputOptions())
    ((name, content),) = found("@list")
    assert name == "http://127.0.0.1:9/a.jpg"
    assert content.startswith("<")
