"""Shards, and what becomes of their answers together."""

import gzip
import re
import resource
import shutil
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from predicted import predicted, with_mask, with_objects
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.cli.main import run as run_command
from cnnxfer.data.images.source import ImageSource, file_source
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.files import read_json_with_hash, write_json_with_hash
from cnnxfer.prediction.merging import merge
from cnnxfer.prediction.outputs.file import choose_writer, write_out
from cnnxfer.prediction.outputs.formats import WRITERS
from cnnxfer.prediction.outputs.jsonl import write_jsonl
from cnnxfer.prediction.outputs.masks import save_masks
from cnnxfer.prediction.outputs.part import read_part, write_part
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.prediction.shard import Shard, Share, parse_shard
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.answer import RankedClass

SETTINGS: dict[str, Any] = {
    "model": "roses",
    "min_confidence": "auto",
    "max_pixels": 200_000_000,
    "frames": "first",
    "task": "classification",
    "classes": ["rose", "iris"],
    "masks": "none",
}
Images = Sequence[Sequence[Prediction]]  # the predictions for the frames of each


def ranked(path: str, share: float, **others: Any) -> Prediction:
    ranking = (
        RankedClass(1, "rose", "rose", 1 - share),
        RankedClass(2, "iris", "iris", share),
    )
    return predicted(path, 4, 3, ranking, **others)


IMAGES: Images = [
    [ranked("photos/0.jpg", 0.04449996)],
    [ranked("photos/1.gif", 0.1, frame=number) for number in range(3)],
    [predicted("photos/2.jpg", error="not an image")],
    [ranked("photos/a\n\udcff.jpg", 0.4)],
    [ranked("photos/4.jpg", 0.3)],
    [ranked("photos/4.jpg", 0.3)],  # named twice
    [ranked("photos/6.jpg", 0.2)],
]


def write_parts(
    folder: Path,
    images: Images = IMAGES,
    shards: int = 3,
    suffix: str = ".jsonl",
    variant: Sequence[str] = ("openvino", "float32"),
    **settings: Any,
) -> list[Path]:
    """Writes what `shards` machines would, and returns the files in their order."""
    paths = []
    for number in range(1, shards + 1):
        share = Share(Shard(number, shards))
        list(share.of(file_source(image[0].path) for image in images))
        own = images[number - 1 :: shards]
        path = folder / f"part-{number}{suffix}"
        opened = gzip.open if suffix.endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8", newline="\n") as stream:
            write_jsonl(chain.from_iterable(own), stream)
        write_part(path, share, ["photos"], SETTINGS | settings, [[*variant]])
        paths.append(path)
    return paths


def undivided(out: Path, format: str = "auto", images: Images = IMAGES) -> Path:
    """Writes what one machine would."""
    write_out(chain.from_iterable(images), choose_writer(format, out), out, ["photos"])
    return out


def merged(paths: Sequence[Path], out: Path, format: str = "auto") -> list[str]:
    reporter = RecordingReporter()
    merge(paths, out, format, reporter)
    return [*reporter.infos, *reporter.warnings]


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_parts_make_what_one_machine_would_have_written(
    tmp_path: Path, shards: int, suffix: str
) -> None:
    paths = write_parts(tmp_path, shards=shards, suffix=suffix)
    for writer in WRITERS:
        for end in () if writer.labels else ("", ".gz")[: 1 + (not writer.binary)]:
            one, other = (
                tmp_path / f"{name}{writer.suffixes[0]}{end}" for name in ("one", "two")
            )
            merged(paths[::-1], one)
            assert one.read_bytes() == undivided(other).read_bytes()


@pytest.mark.parametrize("format", ["coco", "yolo", "voc", "labelme"])
def test_labels_are_merged(tmp_path: Path, format: str) -> None:
    box = (1.0, 2.0, 30.5, 20.0, 0.9, 1.0)
    images = [
        [with_objects(f"photos/{name}", 40, 30, *[box] * number)]
        for number, name in enumerate(("a.jpg", "b/a.jpg", "a.png", "c.jpg"))
    ]
    found = {"task": "detection", "classes": ["raccoon", "<cat>"]}
    paths = write_parts(tmp_path, images, **found)
    one, other = tmp_path / "one", tmp_path / "other"
    merged(paths, one, format)
    undivided(other, format, images)
    files = [path.relative_to(other) for path in other.rglob("*") if path.is_file()]
    assert files or other.is_file()
    for file in files or [Path()]:
        assert (one / file).read_bytes() == (other / file).read_bytes()


def test_masks_have_the_names_that_one_machine_gives_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["a.jpg", "a.png", "b.jpg", "A.gif", "a.bmp", "c.jpg"]
    images: list[list[Prediction]] = [
        [with_mask(f"photos/{name}", rng.integers(0, 2, (9, 8), np.uint8))]
        for name in names
    ]
    # They have names as well, which the other machine cannot know to be unused.
    images[1:1] = [[predicted("photos/A.webp", error="not an image")]]
    images[5:5] = [[predicted("photos/a.tif", error="not an image")]]
    folder = tmp_path / "masks"
    flow = save_masks(folder, ["photos"], Reporter())(chain.from_iterable(images))
    whole = [[prediction] for prediction in flow]
    shutil.rmtree(folder)
    for number in (2, 1):  # they share a folder
        share = Share(Shard(number, 2), keeps_passed=True)
        own = list(share.of(file_source(image[0].path) for image in images))
        stage = save_masks(folder, ["photos"], Reporter(), share.passed)
        assert len(own) == 4
        found = list(stage(image[0] for image in images[number - 1 :: 2]))
        assert [[it] for it in found] == whole[number - 1 :: 2]
        assert [it.as_json() for it in found] == [
            image[0].as_json() for image in whole[number - 1 :: 2]
        ]
    known = {"task": "segmentation", "classes": ["ground", "rose"]}
    paths = write_parts(tmp_path, whole, masks=str(folder), **known)
    merged(paths, tmp_path / "one.json", "coco")
    other = undivided(tmp_path / "other.json", "coco", whole)
    assert b"counts" in other.read_bytes()
    assert (tmp_path / "one.json").read_bytes() == other.read_bytes()
    another = tmp_path / "spelled"
    another.mkdir()
    paths[1] = write_parts(another, whole, masks="./masks", **known)[1]
    told = merged(paths, tmp_path / "one.csv")
    assert not any("--masks" in line or "masks=" in line for line in told)
    folder.rename(tmp_path / "moved")
    with pytest.raises(RunError, match="Merge in a folder from which this path leads"):
        merged(paths, tmp_path / "two.json", "coco")
    paths = write_parts(tmp_path, whole, **known)
    with pytest.raises(ConfigError, match="needs the masks themselves, and the shards"):
        merged(paths, tmp_path / "two.json", "coco")


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def unfinished(path: Path) -> None:
    path.rename(f"{path}.part")


def without_its_record(path: Path) -> None:
    Path(f"{path}.shard").unlink()


def with_a_record_of_another_version(path: Path) -> None:
    part = read_json_with_hash(Path(f"{path}.shard"), dict[str, Any])
    assert part is not None
    write_json_with_hash(Path(f"{path}.shard"), {**part, "version": 2})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (changed, "part-2.jsonl has changed since shard 2 of 3 was answered"),
        (unfinished, "only part-2.jsonl.part is there, which is not complete. Go on"),
        (Path.unlink, "there is no such file"),
        (without_its_record, "part-2.jsonl.shard is not beside it"),
        (
            with_a_record_of_another_version,
            "part-2.jsonl.shard is damaged, or of",
        ),
    ],
)
def test_a_damaged_part_is_refused(tmp_path: Path, damage: Any, message: str) -> None:
    paths = write_parts(tmp_path)
    damage(paths[1])
    with pytest.raises(DataError, match=re.escape(message)):
        merged(paths, tmp_path / "all.csv")
    assert not (tmp_path / "all.csv").exists()


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"shards": 4}, "3 shards, and 4"),
        ({"images": IMAGES[:-1]}, "their inputs had 7 images, and 6"),
        ({"images": IMAGES[::-1]}, "their inputs had images of other names"),
        ({"min_confidence": 0.5}, "min_confidence auto, and 0.5"),
        ({"masks": "masks"}, "masks none, and kept"),
    ],
)
def test_foreign_parts_are_refused(
    tmp_path: Path, others: dict[str, Any], message: str
) -> None:
    (tmp_path / "other").mkdir()
    paths = write_parts(tmp_path)
    paths[1] = write_parts(tmp_path / "other", **others)[1]
    with pytest.raises(DataError, match=re.escape(f"different predictions: {message}")):
        merged(paths, tmp_path / "all.csv")


def test_missing_and_doubled_parts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no parts to merge"):
        merged([], tmp_path / "all.csv")
    paths = write_parts(tmp_path)
    with pytest.raises(DataError, match=r"1 part of 3 shards is missing: 2\. Name"):
        merged([paths[2], paths[0]], tmp_path / "all.csv")
    with pytest.raises(DataError, match=r"2 parts of 3 shards are missing: 1 and 3"):
        merged([paths[1]], tmp_path / "all.csv")
    with pytest.raises(DataError, match=r"are both shard 2 of 3\. Name one"):
        merged([*paths, paths[1]], tmp_path / "all.csv")


def test_parts_with_other_images_than_were_listed_are_refused(tmp_path: Path) -> None:
    """The hash beside a part is that of the file, whatever is in it."""
    paths = write_parts(tmp_path)
    first, second = (path.read_bytes() for path in paths[:2])
    for path, content, number in ((paths[0], second, 1), (paths[1], first, 2)):
        path.write_bytes(content)
        share = Share(Shard(number, 3))
        list(share.of(file_source(image[0].path) for image in IMAGES))
        write_part(path, share, ["photos"], SETTINGS, [])
    with pytest.raises(DataError, match="the parts hold other images than the 7"):
        merged(paths, tmp_path / "all.csv")
    assert not (tmp_path / "all.csv").exists()


def test_other_formats_are_named(tmp_path: Path) -> None:
    message = "needs objects, and roses has answered with classes. Use another, such as"
    with pytest.raises(ConfigError, match=message):
        merged(write_parts(tmp_path), tmp_path / "all.json", "coco")


def test_other_engines_are_told(tmp_path: Path) -> None:
    paths = write_parts(tmp_path)
    slow = tmp_path / "slow"
    slow.mkdir()
    paths[2] = write_parts(slow, variant=("keras", "float32"))[2]
    told = merged(paths, tmp_path / "all.csv")
    assert any(
        "by openvino in float32, and 3 by keras in float32, so" in it for it in told
    )


def test_many_parts_are_open_at_once(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    images = [[ranked(f"{number}.jpg", 0.1)] for number in range(200)]
    paths = write_parts(tmp_path, images, shards=150)
    resource.setrlimit(resource.RLIMIT_NOFILE, (120, before[1]))
    try:
        merged(paths, tmp_path / "all.jsonl")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (tmp_path / "all.jsonl").read_text().count("\n") == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "expected which one and of how many, such as 3/16"),
        ("-1/4", "expected which one"),
        ("0/16", "shards count from 1 to their number, here 16"),
        ("17/16", "here 16"),
        ("1/1001", "there may be 1,000 shards"),
    ],
)
def test_a_shard_has_a_number(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_shard(text)


def test_shards_share_the_images() -> None:
    names = [f"{number}.jpg" for number in range(10)]
    for shards in (1, 3, 16):
        shares = [Share(Shard(number, shards)) for number in range(1, shards + 1)]
        taken = [list(share.of(map(file_source, names))) for share in shares]
        assert sorted(it.name for own in taken for it in own) == names
        assert [len(own) for own in taken] == [it.shard.count(10) for it in shares]
        assert {it.listed.sha256 for it in shares} == {shares[0].listed.sha256}
        assert all(it.listed.images == 10 for it in shares)


def test_an_image_is_taken_only_when_it_is_needed() -> None:
    def endless() -> Iterator[ImageSource]:
        while True:
            yield file_source("a.jpg")

    assert next(Share(Shard(2, 3)).of(endless())).name == "a.jpg"


def test_the_command_line_divides_and_merges(
    colour_run: Run,
    photos_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Shards may be empty, may be resumed, and may hold what cannot be read."""
    monkeypatch.chdir(tmp_path)
    for photo in sorted(photos_dir.rglob("0[2-9].jpg")) + sorted(
        photos_dir.rglob("1*.jpg")
    ):
        photo.unlink()
    (photos_dir / "red/00a.jpg").write_text("no image")
    typed = ["predict", "photos", "-m", str(colour_run.path), "--engine", "keras", "-q"]
    wholes = ("csv", "jsonl", "jsonl.gz")
    for suffix in wholes:
        assert run_command([*typed, "--out", f"whole.{suffix}"]) == 3
    codes = [
        run_command([*typed, "--shard", f"{number}/8", "--out", f"p-{number}.jsonl"])
        for number in range(1, 9)
    ]
    assert sorted(codes) == [0] * 7 + [3]
    assert Path("p-8.jsonl").read_bytes() == b""
    part = Path("p-3.jsonl").read_bytes()
    Path("p-3.jsonl").unlink()  # its machine was killed
    command = [*typed, "--shard", "3/8", "--out", "p-3.jsonl", "--resume"]
    record = Path("p-3.jsonl.shard").read_bytes()
    assert b'[["keras", "float32"]]' in record
    for _ in range(2):
        assert run_command(command) == 0
        assert Path("p-3.jsonl").read_bytes() == part
        assert Path("p-3.jsonl.shard").read_bytes() == record
    capsys.readouterr()
    paths = [f"p-{number}.jsonl" for number in range(1, 9)]
    for suffix in wholes:
        assert run_command(["merge", *paths, "--out", f"all.{suffix}", "-q"]) == 3
        whole = Path(f"whole.{suffix}")
        assert Path(f"all.{suffix}").read_bytes() == whole.read_bytes()
    shown = capsys.readouterr()
    assert shown.err.count("1 image could not be read: 1 not an image") == len(wholes)
    assert run_command(["merge", *paths, "--json"]) == 3
    assert capsys.readouterr().out.count('"path"') == 7
    assert run_command(["merge", *paths[:3], "--out", "some.csv"]) == 2
    assert (
        "5 parts of 8 shards are missing: 4, 5, 6, 7 and 8" in capsys.readouterr().err
    )


def test_a_shard_goes_on_as_the_same_shard_only(
    colour_run: Run, photos_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnxfer.prediction.classifier import Classifier

    out = tmp_path / "part.jsonl"
    real = Classifier.predictions

    def killed(self: Classifier, *arguments: Any) -> Iterator[Prediction]:
        for number, prediction in enumerate(real(self, *arguments)):
            if number == 2:
                raise KeyboardInterrupt
            yield prediction

    def answer(shard: str, **others: Any) -> None:
        cnnxfer.predict_into(
            photos_dir,
            model=colour_run,
            out=out,
            shard=shard,
            engine="keras",
            reporter=None,
            **others,
        )

    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "predictions", killed)
        patch.setattr(Classifier, "variant", ("openvino", "bfloat16"))
        with monkeypatch.context() as int8:
            int8.setattr(Classifier, "calibrates_on_the_first", True)
            with pytest.raises(cnnxfer.Interrupted, match="first images, so it cannot"):
                answer("none")
        Path(f"{out}.part").unlink()
        with pytest.raises(cnnxfer.Interrupted):
            answer("2/4")
    with pytest.raises(ConfigError, match="was made with shard 2/4, and now it is 3/4"):
        answer("3/4", resume=True)
    answer("2/4", resume=True)
    assert out.read_text().count("\n") == 9
    part = read_part(out)
    assert part.variants == [["openvino", "bfloat16"], ["keras", "float32"]]
    left = sorted(path.name for path in tmp_path.glob("part*"))
    assert left == ["part.jsonl", "part.jsonl.shard"]


def test_a_shard_is_a_file_of_json_lines(photos_dir: Path, tmp_path: Path) -> None:
    for others in ({}, {"out": tmp_path / "a.csv"}):
        with pytest.raises(ConfigError, match="shard needs a file of JSON lines"):
            cnnxfer.predict_into(photos_dir, shard="1/2", **others)
    with pytest.raises(ConfigError, match="masks are those of files, not of frames"):
        cnnxfer.predict_into(
            photos_dir,
            shard="1/2",
            masks=tmp_path / "masks",
            frames="all",
            out=tmp_path / "a.jsonl",
        )
