"""Tests of files that name the classes of masks."""

from pathlib import Path

import pytest

from cnnxfer.data.masks.class_files import NamedValues, read_class_file
from cnnxfer.errors import DataError

ROAD_SKY = NamedValues({0: "road", 1: "blue sky"}, ((128, 64, 128), (0, 0, 255)))


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "road 128 64 128\nblue sky 0 0 255\n",
        "128 64 128\troad\r\n0 0 255\tblue sky\r\n",  # CamVid
        "name,r,g,b\nroad,128, 64,128\nblue sky,0,0,255\n",
        "# label:color_rgb:parts:actions\nroad:128,64,128::\nblue sky:0,0,255::\n",
    ],
)
def test_names_with_colours(text: str, tmp_path: Path) -> None:
    assert read_class_file(written(tmp_path, "classes.txt", text)) == ROAD_SKY


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "# in order\n\nvoid\nroad\nblue sky\n\n",
            {0: "void", 1: "road", 2: "blue sky"},
        ),
        ("__ignore__\n_background_\nroad", {0: "_background_", 1: "road"}),
        ("1: road\n7: blue sky", {1: "road", 7: "blue sky"}),
        ("1: road\n\n# far\n7: blue sky", {1: "road", 7: "blue sky"}),
        ("2 of hearts\n3 of clubs", {0: "2 of hearts", 1: "3 of clubs"}),
        ("void\n#1 road\ncar", {0: "void", 1: "#1 road", 2: "car"}),
        ("1 euro\n1 cent", {0: "1 euro", 1: "1 cent"}),
    ],
)
def test_names_of_values(text: str, names: dict[int, str], tmp_path: Path) -> None:
    path = written(tmp_path, "classes.txt", text)
    assert read_class_file(path) == NamedValues(names)


def test_a_long_row_of_separators_is_read_once(tmp_path: Path) -> None:
    name = f"a{',' * 900_000}b"  # which takes hours where it is read at each comma
    path = written(tmp_path, "classes.txt", name)
    assert read_class_file(path) == NamedValues({0: name})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [void, road]", {0: "void", 1: "road"}),
        ("classes:\n  0: void\n  200: rug-merged", {0: "void", 200: "rug-merged"}),
    ],
)
def test_names_in_yaml(text: str, names: dict[int, str], tmp_path: Path) -> None:
    path = written(tmp_path, "masks.yaml", text)
    assert read_class_file(path) == NamedValues(names)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("classes.txt", "", "names no class"),
        ("classes.txt", "a 1 2 3\nb", "line 'b' among names with colours"),
        ("classes.txt", "a 1 2 300", "from 0 to 255"),
        ("classes.txt", "\n".join(f"c{n}" for n in range(300)), "names 300 classes"),
        ("classes.txt", "x" * 1_000_001, "at most 1,000,000"),
        ("classes.txt", "a\n\nb", "an empty line between names"),
        ("classes.txt", "a\n# b\nc", "the line '# b' between names"),
        ("masks.yaml", "names: [no, road]", "has the name False, .* into quotes"),
        ("masks.yaml", "names: {a: b}", "no names of values"),
        ("masks.yaml", "names: !!python/object:os.system {}", "not YAML"),
        ("masks.yaml", "[" * 5000, "not YAML"),
    ],
)
def test_what_is_wrong_is_told(name, text, reason, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=reason):
        read_class_file(written(tmp_path, name, text))
