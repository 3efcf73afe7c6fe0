import errno
import io
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from predicted import predicted, with_mask, with_objects
from recording_reporter import RecordingReporter

from cnnxfer.data.images.source import ImageSource, file_source, unreadable_source
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.prediction.outputs.copy_to import copy_files
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.tasks.multi_label import SeveralClasses


def image(colour: str, kind: str = "JPEG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(content, kind)
    return content.getvalue()


def answer(
    path: str,
    label: str,
    content: bytes,
    *,
    class_id: str = "",
    probability: float = 1.0,
    frame: int | None = None,
    min_confidence: float | None = None,
) -> Prediction:
    return predicted(
        path,
        8,
        8,
        (RankedClass(1, class_id or label, label, probability),),
        frame=frame,
        min_confidence=min_confidence,
        source=ImageSource(path, partial(bytes, content)),
    )


def several_classes(labels: Sequence[str]) -> SeveralClasses:
    ranking = tuple(RankedClass(1, label, label, 0.9) for label in [*labels, "other"])
    return SeveralClasses(ranking, frozenset(labels))


def copied(
    folder: Path, predictions: Sequence[Prediction], inputs: Sequence[str] = ()
) -> dict[str, bytes]:
    """Returns the contents of the files in the folder afterwards, by their path."""
    stage = copy_files(folder, inputs, RecordingReporter())
    assert list(stage(predictions)) == list(predictions)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


RED, BLUE = image("red"), image("blue")


def test_files_are_copied_by_class(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.jpg"
    path.write_bytes(RED)
    ranked = (RankedClass(1, "n1", "tabby", 0.6), RankedClass(2, "n2", "tiger", 0.4))
    predictions = [
        predicted(str(path), 8, 8, ranked, source=file_source(str(path))),
        answer("photos.zip/deep/b.jpg", "tiger", BLUE),
        answer("https://example.org/x/c%20d.jpg?size=3", "tiger", RED),
    ]
    assert copied(tmp_path / "out" / "sorted", predictions) == {
        "tabby/a.jpg": RED,
        "tiger/b.jpg": BLUE,
        "tiger/c d.jpg": RED,
    }
    assert path.read_bytes() == RED


def test_unsure_images_are_copied_into_their_own_folder(tmp_path: Path) -> None:
    predictions = [
        answer("a.jpg", "tabby", RED, probability=0.4, min_confidence=0.5),
        answer("b.jpg", "tabby", RED, probability=0.5, min_confidence=0.5),
        answer("c.jpg", "Unsure", BLUE, min_confidence=0.5),
    ]
    assert copied(tmp_path, predictions) == {
        "unsure/a.jpg": RED,
        "tabby/b.jpg": RED,
        "Unsure-2/c.jpg": BLUE,
    }


def test_an_image_is_copied_for_each_class_of_its_objects_or_pixels(
    tmp_path: Path,
) -> None:
    boxes = [(0, 0, 4, 4, score, label) for score, label in ((0.9, 0), (0.8, 1))]
    mask = np.zeros((20, 20), np.uint8)
    mask[0, 0] = 1  # too little
    source = ImageSource("a.jpg", lambda: RED)
    predictions = [
        with_objects("a.jpg", 8, 8, *boxes, boxes[0], source=source),
        with_objects("b.jpg", 8, 8, source=source),
        with_mask("c.jpg", mask, source=source),
    ]
    assert copied(tmp_path, predictions) == dict.fromkeys(
        ["raccoon/a.jpg", "_cat_/a.jpg", "none/b.jpg", "ground/c.jpg"], RED
    )


def test_a_multi_label_image_is_copied_for_each_class(tmp_path: Path) -> None:
    tabby, reporter = answer("a.jpg", "tabby", RED), RecordingReporter()
    chosen = [("tabby", "tiger"), (), ("None",), ("unsure",)]
    predictions = [
        replace(tabby, path=f"{number}.jpg", answer=several_classes(labels))
        for number, labels in enumerate(chosen)
    ]
    assert copied(tmp_path, predictions) == dict.fromkeys(
        ["tabby/0.jpg", "tiger/0.jpg", "none/1.jpg", "None-2/2.jpg", "unsure/3.jpg"],
        RED,
    )
    list(copy_files(tmp_path / "more", [], reporter)(predictions))
    assert reporter.infos == [f"5 copied to {tmp_path / 'more'}"]


def test_a_class_may_be_called_none(tmp_path: Path) -> None:
    assert copied(tmp_path, [answer("a.jpg", "none", RED)]) == {"none/a.jpg": RED}


def test_unreadable_images_are_counted(tmp_path: Path) -> None:
    gone = answer("gone.jpg", "tabby", RED)
    predictions = [
        predicted("a.jpg", error="not an image", source=file_source("a.jpg")),
        replace(gone, source=unreadable_source("gone.jpg", "gone")),
        answer("c.jpg", "tabby", RED),
        answer("d/c.jpg", "tabby", RED),
    ]
    reporter = RecordingReporter()
    list(copy_files(tmp_path / "out", [], reporter)(predictions))
    assert os.listdir(tmp_path / "out" / "tabby") == ["c.jpg"]
    assert reporter.infos == [
        f"1 copied to {tmp_path / 'out'}, 1 already there, 1 unreadable and not "
        "copied, 1 gone before they could be copied"
    ]


def test_equal_names_are_numbered_and_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tabby").mkdir()
    (tmp_path / "tabby" / "a.jpg").write_bytes(b"of somebody else")
    (tmp_path / "tabby" / "a-2.jpg").symlink_to("nowhere")
    green = image("green")
    predictions = [
        answer("a.jpg", "tabby", RED),
        answer("x/a.jpg", "tabby", BLUE),
        answer("y/a.jpg", "tabby", RED),
        answer("z/a.jpg", "tabby", green),
    ]
    expected = {
        "tabby/a.jpg": b"of somebody else",
        "tabby/a-3.jpg": RED,
        "tabby/a-4.jpg": BLUE,
        "tabby/a-5.jpg": green,
    }
    assert copied(tmp_path, predictions) == expected
    assert (tmp_path / "tabby" / "a-2.jpg").is_symlink()
    # A second time changes nothing, in another order neither.
    times = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    assert copied(tmp_path, predictions[::-1]) == expected
    after = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*.jpg")}
    assert after == times


def test_a_file_with_several_frames_is_copied_for_its_first(tmp_path: Path) -> None:
    gif = image("red", "GIF")
    predictions = [
        answer("a.gif", "tabby", gif, frame=0),
        answer("a.gif", "tiger", gif, frame=1),
        answer("a.gif", "tiger", gif, frame=2),
    ]
    assert copied(tmp_path, predictions) == {"tabby/a.gif": gif}


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("TIFF", ".tif")],
)
def test_a_missing_suffix_is_taken_from_the_content(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    content = image("red", kind)
    predictions = [
        answer("https://example.org/?id=3", "tabby", content),
        answer("photo", "tabby", content),
    ]
    expected = {f"tabby/image{suffix}", f"tabby/photo{suffix}"}
    assert copied(tmp_path, predictions).keys() == expected


def test_no_label_writes_outside_of_the_folder(tmp_path: Path) -> None:
    names = ["..", "../..", "/etc", "..\\..", "a/../../..", "."]
    predictions = [answer("x/..", label, RED) for label in names]
    folder = tmp_path / "deep" / "out"
    assert len(copied(folder, predictions)) == len(names)
    assert os.listdir(tmp_path) == ["deep"]
    assert os.listdir(tmp_path / "deep") == ["out"]


def test_classes_do_not_share_a_folder(tmp_path: Path) -> None:
    """ImageNet has two cranes, and some file systems ignore case."""
    predictions = [
        answer("a.jpg", "crane", RED, class_id="n02012849"),
        answer("b.jpg", "crane", RED, class_id="n03126707"),
        answer("c.jpg", "Crane", RED, class_id="c"),
        answer("d.jpg", "crane", RED, class_id="n02012849"),
    ]
    assert copied(tmp_path, predictions).keys() == {
        "crane/a.jpg",
        "crane-2/b.jpg",
        "Crane-3/c.jpg",
        "crane/d.jpg",
    }


def test_a_folder_within_the_inputs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos/red").mkdir(parents=True)
    for inputs in (["photos"], ["x.jpg", "photos/../photos"], ["."], ["photos/**"]):
        for folder in ("photos", "photos/sorted"):
            with pytest.raises(ConfigError, match=r"lies in .*Name one outside\.$"):
                copy_files(Path(folder), inputs, Reporter())
    assert not Path("photos/sorted").exists()
    Path("link").symlink_to("photos")
    with pytest.raises(ConfigError, match="lies in photos"):
        copy_files(Path("link/sorted"), ["photos"], Reporter())
    for folder in ("photos/red/sorted", "photos/sorted"):
        with pytest.raises(ConfigError, match=r"^copy_to .* lies in photos/"):
            copy_files(Path(folder), ["photos/*"], Reporter())
    assert not Path("photos/sorted").exists()
    Path("photos/a.jpg").touch()  # now the glob means the files
    for inputs in (
        ["photos/red"],
        ["photos/*"],
        ["photos/*.jpg"],
        ["photos/red/**/*.jpg"],
        ["-"],
    ):
        copy_files(Path("photos/sorted"), inputs, Reporter())


def test_a_file_is_refused_before_anything_is_answered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in ("file", "file/out"):
        with pytest.raises(ConfigError, match=r"^copy_to .*/file is not a folder\."):
            copy_files(tmp_path / folder, [], Reporter())


def test_the_error_names_a_file_in_place_of_a_class_folder(tmp_path: Path) -> None:
    (tmp_path / "tabby").touch()
    with pytest.raises(RunError, match=r"tabby is a file, .* Move it away\.$"):
        copied(tmp_path, [answer("a.jpg", "tabby", RED)])


def test_a_failed_copy_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: Path, target: Path) -> None:
        raise OSError(errno.EIO, "the last step fails")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="last step"):
        copied(tmp_path, [answer("a.jpg", "tabby", RED)])
    assert os.listdir(tmp_path / "tabby") == []
