"""The table on a terminal: it fits at any width, and tells what is in common once."""

import io
from pathlib import Path

import pytest
from predicted import predicted, with_objects
from rich.cells import cell_len

from cnnxfer.prediction.outputs import table
from cnnxfer.prediction.outputs.shortened import common_folder, shortened
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import RankedClass

FOLDER = "/data/pictures of flowers/summer/"
CLASSES = ("lily of the valley", "colts-foot")


def answer(path: str, *labels: str, **options: float) -> Prediction:
    ranking = tuple(
        RankedClass(rank, label, label, 0.9 / rank)
        for rank, label in enumerate(labels or CLASSES, start=1)
    )
    return predicted(path, 8, 8, ranking, **options)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch):
    """Returns the lines that a terminal of a width shows."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def lines(width: int, *predictions: Prediction) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", "1")
        stream = Terminal()
        table.write_table(predictions, stream)
        plain = stream.getvalue().replace("\x1b[1m", "").replace("\x1b[2m", "")
        return plain.replace("\x1b[0m", "").splitlines()

    return lines


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
def test_lines_fit_and_no_word_is_cut(shown, width: int) -> None:
    reason = "truncated JPEG: 1,024 of 40,960 bytes"
    lines = shown(
        width,
        answer(f"{FOLDER}a rather long name of a picture.jpg"),
        predicted(f"{FOLDER}broken.jpg", error=reason),
        answer(f"{FOLDER}june/2.jpg", min_confidence=0.95),
    )
    assert max(map(cell_len, lines)) <= width
    assert sum(line.startswith("in ") for line in lines) == 1
    assert not any(FOLDER in line for line in lines[1:])
    words = set(" ".join(lines[1:]).split())
    assert words >= {"valley", "colts-foot", "90.0%", "45.0%", "broken.jpg", "unsure"}
    assert words >= set(reason.split())
    if width >= 80:
        assert lines[0] == f"in {FOLDER}"
        assert lines[1].split() == ["image", "rank", "class", "probability"]
        assert len(lines) == 7
        assert "█" * (18 if width == 120 else 4) in lines[2]


def test_a_narrow_terminal_has_the_classes_below_the_name(shown) -> None:
    lines = shown(28, answer("a.jpg", "daisy", "iris"), predicted("b.jpg", error="no"))
    assert lines == [
        "a.jpg",
        "  1 daisy   90.0% " + "█" * 9,
        "  2 iris    45.0% " + "█" * 4,
        "b.jpg",
        "  no",
    ]


def test_boxes_go_to_a_line_of_their_own_where_it_is_narrow(shown) -> None:
    found = with_objects("b.jpg", 900, 800, (1, 2, 300, 200, 0.5, 0))
    assert shown(80, found)[0].split() == ["image", "rank", "class", "score", "box"]
    assert shown(80, found)[1].endswith("1, 2, 300, 200")
    assert shown(40, found)[-1] == "    1, 2, 300, 200"


def test_a_single_image_has_its_whole_path(shown) -> None:
    assert shown(120, answer(f"{FOLDER}1.jpg"))[1].startswith(f"{FOLDER}1.jpg ")


def test_the_folder_is_told_again_where_it_changes(
    shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "BLOCK", 2)
    paths = [*(f"a/{n}.jpg" for n in range(4)), "b/1.jpg", "b/2.jpg"]
    lines = shown(80, *map(answer, paths))
    assert [line for line in lines if line.startswith("in ")] == ["in a/", "in b/"]
    assert sum(line.startswith("image") for line in lines) == 1


def test_a_pipe_gets_whole_paths_whatever_its_width(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    table.write_table([answer(f"{FOLDER}{n}.jpg") for n in range(2)], stream)
    lines = stream.getvalue().splitlines()
    assert [line.startswith(FOLDER) for line in lines] == [False, *[True, False] * 2]


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["a/b/1.jpg", "a/b/c/2.jpg"], "a/b/"),
        (["/a/1.jpg", "/b/2.jpg"], ""),
        (["/a/1.jpg", "/a/2.jpg"], "/a/"),
        (["1.jpg", "2.jpg"], ""),
        (["https://x.org/a/1.jpg", "https://x.org/b.jpg"], "https://x.org/"),
        (["ab/1.jpg", "a/1.jpg"], ""),
    ],
)
def test_the_common_folder(paths: list[str], folder: str) -> None:
    assert common_folder(paths) == folder


@pytest.mark.parametrize(
    ("path", "width", "expected"),
    [
        ("a/b.jpg", 7, "a/b.jpg"),
        ("photos/summer/2024/june/rose.jpg", 24, "photos/…/june/rose.jpg"),
        ("photos/summer/2024/june/rose.jpg", 12, "…/rose.jpg"),
        ("red rose in our garden.jpg", 20, "red rose… garden.jpg"),
        ("IMG_20240612_123456_edited.jpg", 20, "IMG_…edited.jpg"),
        ("x" * 30, 9, "xxxx…xxxx"),
        ("長い名前の写真.jpg", 12, "長い名….jpg"),
    ],
)
def test_paths_are_shortened_in_their_middle(
    path: str, width: int, expected: str
) -> None:
    found = shortened(path, width)
    assert found == expected
    assert cell_len(found) <= width
