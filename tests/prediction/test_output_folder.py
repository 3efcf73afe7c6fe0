from pathlib import Path

import pytest

from cnnxfer.prediction.output_folder import add_file, bare_name, safe_name


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
def test_the_bare_name_of_a_path_or_an_address(path: str, name: str) -> None:
    assert bare_name(path) == name


def test_nothing_is_overwritten_and_nothing_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    assert add_file(path, b"first")
    assert add_file(path, b"other")
    assert not add_file(path, b"first")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        "a.png": b"mine",
        "a-2.png": b"first",
        "a-3.png": b"other",
    }
