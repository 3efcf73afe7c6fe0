import errno
import os
from pathlib import Path

import pytest

from cnnxfer.errors import ConfigError
from cnnxfer.prediction.outputs.folder import (
    FileAdder,
    bare_name,
    created_folder,
    refuse_folder_of_inputs,
    safe_name,
)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("golden retriever", "golden retriever"),
        ("größe", "größe"),
        ("a/b\\c", "a_b_c"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        ("  ", "_"),
        ("../../etc", ".._.._etc"),
        ("trailing. .", "trailing"),
        ('what? "no": <a|b>*', "what_ _no__ _a_b__"),
        ("con", "_con"),
        ("Lpt1.jpg", "_Lpt1.jpg"),
        ("console", "console"),
        ("a\nb\x1b\udcff\0", "a_b___"),
        ("e\u0301", "\u00e9"),
        ("x" * 300 + ".jpg", "x" * 196 + ".jpg"),
        ("ä" * 300, "ä" * 100),
        ("." + "x" * 300, "." + "x" * 199),
        ("a." + "x" * 300, "a." + "x" * 198),
    ],
)
def test_names_are_safe_on_all_systems(label: str, name: str) -> None:
    assert safe_name(label) == name
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.jpg", "b.jpg"),
        ("b.jpg", "b.jpg"),
        ("https://example.org/a/b%20c.jpg?size=1", "b c.jpg"),
        ("https://example.org/", ""),
    ],
)
def test_base_name_of_a_path_or_an_address(path: str, name: str) -> None:
    assert bare_name(path) == name


def contents_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_files_are_neither_overwritten_nor_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    for files in (FileAdder(), FileAdder()):
        new = not (tmp_path / "a-2.png").exists()
        assert files.add(path, b"first") is new
        assert files.add(path, b"other") is new
        assert not files.add(path, b"first")
        assert not files.add(path, b"mine")
    expected = {"a.png": b"mine", "a-2.png": b"first", "a-3.png": b"other"}
    assert contents_of(tmp_path) == expected


def test_names_taken_by_folders_pipes_and_links_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    os.mkfifo(tmp_path / "a-2.png")
    (tmp_path / "a-3.png").symlink_to("nowhere")
    assert FileAdder().add(tmp_path / "a.png", b"first")
    assert (tmp_path / "a-4.png").read_bytes() == b"first"


def test_lookups_per_file_do_not_grow_with_equal_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    lexists, read_bytes, path_open = os.path.lexists, Path.read_bytes, Path.open

    def counting(look):
        def counted(*args, **options):
            nonlocal looks
            looks += 1
            return look(*args, **options)

        return counted

    monkeypatch.setattr(os.path, "lexists", counting(lexists))
    monkeypatch.setattr(Path, "read_bytes", counting(read_bytes))
    monkeypatch.setattr(Path, "open", counting(path_open))
    for written in (True, False):
        files, looks = FileAdder(), 0
        for number in range(40):
            assert files.add(tmp_path / "a.jpg", b"%02d" % number) is written
        assert looks <= 40 * 8
    assert len(os.listdir(tmp_path)) == 40


def write_in_between(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes `path`, as another process would, just after it was found missing."""
    lexists = os.path.lexists

    def look(asked: Path) -> bool:
        there = lexists(asked)
        if asked == path and not there:
            path.write_bytes(b"of somebody else")
        return there

    monkeypatch.setattr(os.path, "lexists", look)


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_in_between(tmp_path / "a.png", monkeypatch)
    assert FileAdder().add(tmp_path / "a.png", b"first")
    assert contents_of(tmp_path) == {"a.png": b"of somebody else", "a-2.png": b"first"}


def test_file_systems_without_hard_links_are_supported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    files = FileAdder()
    assert files.add(tmp_path / "a.png", b"first")
    assert files.add(tmp_path / "a.png", b"other")
    assert contents_of(tmp_path) == {"a.png": b"first", "a-2.png": b"other"}


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # after the check
    with (
        pytest.raises(ConfigError, match=r"cannot be created .*can be written\.$"),
        created_folder("--copy-to", tmp_path / "file"),
    ):
        pass


def test_a_created_folder_that_stays_empty_is_removed(tmp_path: Path) -> None:
    with created_folder("--copy-to", tmp_path / "new" / "deep"):
        assert (tmp_path / "new" / "deep").is_dir()
    assert os.listdir(tmp_path) == []
    with created_folder("--copy-to", tmp_path / "new" / "deep"):
        (tmp_path / "new" / "file").touch()
    assert os.listdir(tmp_path / "new") == ["file"]
    with created_folder("--copy-to", tmp_path):
        pass
    (tmp_path / "there").mkdir()
    with created_folder("--copy-to", tmp_path / "there"):
        pass
    assert (tmp_path / "there").is_dir()


@pytest.mark.parametrize(
    ("item", "path", "above"),
    [
        ("img", "img/out", "img"),
        ("img/*", "img/a/out", "img/a"),
        ("img/*", "img/out", "img/out"),
        ("img/*", "img/out/deep", "img/out"),
        ("i*/*", "img/new/out", "img/new"),
        ("im*", "img/out", "img"),
        ("**/*.jpg", "out", "."),
        ("img/*/**/*.jpg", "img/a/out", "img/a/"),
    ],
)
def test_an_output_folder_within_the_inputs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: str, path: str, above: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("img/a").mkdir(parents=True)
    with pytest.raises(ConfigError) as caught:
        refuse_folder_of_inputs("--copy-to", Path(path), ["x.jpg", item])
    assert str(caught.value) == (
        f"--copy-to {path} lies in {above}, where images are looked for: what is "
        "written there would be found too. Name one outside."
    )


@pytest.mark.parametrize("item", ["img/a", "img/*/*", "img/*.jpg", "img/a*", "-"])
def test_an_output_folder_beside_the_inputs_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("img/a/deep").mkdir(parents=True)
    refuse_folder_of_inputs("--copy-to", Path("img/out"), [item])
