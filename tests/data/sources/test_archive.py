"""Tests of archives of data sets: normal, odd, damaged and hostile ones."""

import errno
import io
import json
import shutil
import stat
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest
from annotated_images import boxes_of
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer import unpacking
from cnnxfer.cache import cache_dir
from cnnxfer.data import dataset as images
from cnnxfer.data.archives import tars, zips
from cnnxfer.data.archives.contents import BEGINNING_BYTES
from cnnxfer.data.dataset import SEGMENTATION, Dataset
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import archive, list_dataset, packed
from cnnxfer.errors import DataError, RunError
from cnnxfer.reporting import Reporter

FORMS = ["a.zip", "a.tar", "a.tar.gz", "A.TGZ", "a.tar.bz2", "a.txz"]
Members = dict[str, str | bytes]
CATEGORY = {"id": 1, "name": "cat"}
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def write(name: str, members: Members) -> str:
    if name.endswith("zip"):
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as pack:
            for member, content in members.items():
                pack.writestr(zipfile.ZipInfo(member), content)
        return name
    packing = {"tar": "", "tgz": "gz", "txz": "xz"}
    last = name.lower().rpartition(".")[2]
    with tarfile.open(name, f"w:{packing.get(last, last)}") as pack:
        for member, content in members.items():
            header = tarfile.TarInfo(member)
            header.size = len(content)
            content = content.encode() if isinstance(content, str) else content
            pack.addfile(header, io.BytesIO(content))
    return name


def load(name: str, members: Members) -> Dataset:
    return list_dataset(write(name, members), RecordingReporter())


def listed(dataset: Dataset) -> dict[str, tuple[str, str | None, str]]:
    return {
        example.id: (
            dataset.class_names[example.label],
            example.split,
            example.read().decode(),
        )
        for example in dataset.examples
    }


@pytest.mark.parametrize("name", FORMS)
def test_an_archive_is_read_as_the_folder_in_it(name: str):
    dataset = load(
        name,
        {
            "rose/2.jpg": "two",
            "rose/red/1.jpg": "one",
            "daisy/1.jpg": "daisy",
            "rose/notes.txt": "notes",
            "README": "words",
        },
    )
    assert (dataset.name, dataset.shuffled) == (name[:1], False)
    assert dataset.class_names == ("daisy", "rose")
    assert listed(dataset) == {
        "daisy/1.jpg": ("daisy", None, "daisy"),
        "rose/2.jpg": ("rose", None, "two"),
        "rose/notes.txt": ("rose", None, "notes"),  # the index tells what it is
        "rose/red/1.jpg": ("rose", None, "one"),
    }


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_folders_in_an_archive_are_not_images(tmp_path: Path, form: str):
    for name in ("set/rose/1.jpg", "set/lily/deep/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    shutil.make_archive("a", form, tmp_path, "set")
    dataset = list_dataset(f"a.{form}", Reporter())
    assert set(listed(dataset)) == {"lily/deep/1.jpg", "rose/1.jpg"}
    (pack,) = {example.path for example in dataset.examples}
    assert len(packed.read_copy(pack.parent).examples) == 2  # type: ignore[union-attr]


def test_a_member_that_memory_does_not_suffice_for_is_read_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
):
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    members = {"rose/1.jpg": "1", "lily/1.jpg": "2"}
    with monkeypatch.context() as patch:
        patch.setattr(zips, "read_content", fail)
        with pytest.raises(
            RunError, match=r"^rose/1\.jpg in a\.zip cannot be read now"
        ):
            load("a.zip", members)
    assert set(listed(list_dataset("a.zip", Reporter()))) == {
        "rose/1.jpg",
        "lily/1.jpg",
    }


@pytest.mark.parametrize("top", ["flower_photos/", "a/b/c/", "./x/", ".//"])
def test_a_top_folder_that_holds_everything_is_skipped(top: str):
    members = {f"{top}rose/1.jpg": "1", f"{top}lily/1.jpg": "2"}
    dataset = load("a.tar", {**members, f"{top}LICENSE.txt": "", "__MACOSX/x": ""})
    assert set(listed(dataset)) == {"rose/1.jpg", "lily/1.jpg"}
    assert dataset.hidden == ("__MACOSX/",)


def test_split_folders_are_found_with_or_without_a_top_folder():
    members = {f"set/{split}/{c}/1.jpg": c for split in ("train", "val") for c in "ab"}
    dataset = load("a.zip", members)
    assert {id: row[:2] for id, row in listed(dataset).items()} == {
        "train/a/1.jpg": ("a", "train"),
        "train/b/1.jpg": ("b", "train"),
        "val/a/1.jpg": ("a", "validation"),
        "val/b/1.jpg": ("b", "validation"),
    }
    dataset = load("b.zip", {"train/a/1.jpg": "a", "train/b/1.jpg": "b"})
    assert {example.split for example in dataset.examples} == {"train"}


def test_a_single_class_folder_is_not_skipped():
    dataset = load("a.zip", {"set/rose/1.jpg": "1", "set/rose/2.jpg": "2"})
    assert dataset.class_names == ("rose",)
    with pytest.raises(DataError, match=r"a\.tar holds no images in class folders"):
        load("a.tar", {"1.jpg": "", ".git/config": ""})


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_unsafe_names_are_normalized_and_the_last_duplicate_counts(name: str):
    members = {
        "../rose/1.jpg": "up",
        "/lily/1.jpg": "root",
        "daisy\\2.jpg": "windows",
        "lily/./1.jpg": "again",
    }
    assert listed(load(name, members)) == {
        "daisy/2.jpg": ("daisy", None, "windows"),
        "lily/1.jpg": ("lily", None, "again"),
        "rose/1.jpg": ("rose", None, "up"),
    }


def test_hidden_and_system_files_are_listed_as_hidden():
    dataset = load(
        "a.zip",
        {
            "f/rose/1.jpg": "1",
            "f/lily/1.jpg": "2",
            "f/.DS_Store": "",
            "f/rose/Thumbs.db": "",
            "__MACOSX/f/rose/._1.jpg": "",
            "__MACOSX/f/lily/._1.jpg": "",
        },
    )
    assert len(dataset.examples) == 2
    assert sorted(dataset.hidden) == [".DS_Store", "__MACOSX/", "rose/Thumbs.db"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_an_archive_is_unpacked_once_until_it_changes(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    members = {"rose/1.jpg": "1", "lily/1.jpg": "2"}
    first = load(name, members)
    with monkeypatch.context() as patch:
        patch.setattr(zips, "members", None)
        patch.setattr(tars, "members", None)
        assert list_dataset(f"./{name}", Reporter()) == first
    changed = load(name, {**members, "rose/2.jpg": "3"})
    assert len(changed.examples) == 3
    assert changed.examples[0].path != first.examples[0].path


@pytest.mark.parametrize("name", FORMS)
def test_members_that_cannot_be_read_are_reported_by_the_index(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    for module in (tars, zips, images, packed):
        monkeypatch.setattr(module, "MAX_BYTES", 1000)
    dataset = load(
        name, {"rose/1.jpg": "1", "lily/1.jpg": "2", "lily/big.jpg": "x" * 1001}
    )
    problems = {
        row.example.id: row.problem for row in build_index(dataset.examples, Reporter())
    }
    assert problems["lily/big.jpg"] is not None
    assert "too large" in problems["lily/big.jpg"]


def test_links_encrypted_and_damaged_members_are_reported():
    link = zipfile.ZipInfo("rose/link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile("a.zip", "w") as pack:
        pack.writestr(link, "/etc/passwd")
        pack.writestr("rose/secret.jpg", "secret")
        pack.writestr("rose/flipped.jpg", "flipped bits")
        pack.writestr("lily/1.jpg", "1")
        pack.writestr("rose/1.jpg", "1")
    content = bytearray(Path("a.zip").read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.index(signature, content.index(signature) + 1)
        content[at + flags] |= 1  # of the second member
    content[content.index(b"flipped bits")] ^= 1
    Path("a.zip").write_bytes(content)
    dataset = list_dataset("a.zip", Reporter())
    reasons = {
        row.example.id: row.problem for row in build_index(dataset.examples, Reporter())
    }
    assert reasons["rose/link.jpg"] == "not a file"
    assert reasons["rose/secret.jpg"] == "encrypted"
    assert str(reasons["rose/flipped.jpg"]).startswith("damaged archive: Bad CRC-32")
    assert listed_sound(dataset) == {"lily/1.jpg", "rose/1.jpg"}


def test_an_index_that_tells_wrong_places_is_damage():
    content = Path(write("a.zip", {"rose/1.jpg": "1", "lily/1.jpg": "2"})).read_bytes()
    begin = int.from_bytes(content[-6:-2], "little")  # of the index
    moved = (begin + 100).to_bytes(4, "little")
    Path("a.zip").write_bytes(content[:-6] + moved + content[-2:])
    rows = build_index(list_dataset("a.zip", Reporter()).examples, Reporter())
    assert [str(row.problem)[:15] for row in rows] == ["damaged archive"] * 2


def listed_sound(dataset: Dataset) -> set[str]:
    sound = set()
    for example in dataset.examples:
        try:
            example.read()
        except DataError:
            continue
        sound.add(example.id)
    return sound


@pytest.mark.parametrize("name", FORMS)
def test_an_archive_that_is_cut_off_is_refused(name: str):
    # Half of a set would be trained on, without the last classes.
    noise = {f"{c}/{i}.jpg": bytes([i]) * 40_000 for c in "abc" for i in range(5)}
    write(name, noise)
    content = Path(name).read_bytes()
    Path(name).write_bytes(content[: len(content) * 2 // 3])
    again = rf"^{name} cannot be read: .*\. Download or pack it anew\.$"
    with pytest.raises(DataError, match=again):
        list_dataset(name, Reporter())
    assert not list(cache_dir().rglob("images.bin"))


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b"])
def test_a_file_that_is_not_an_archive_is_refused(name: str, content: bytes):
    Path(name).write_bytes(content)
    with pytest.raises(DataError, match=f"^{name} (cannot be read: |holds no images)"):
        list_dataset(name, Reporter())


def test_an_archive_too_large_for_the_disk_is_refused(monkeypatch: pytest.MonkeyPatch):
    name = "a.tar.gz"
    free = packed.LEFT_FREE_BYTES + 50_000
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free))
    write(name, {"rose/1.jpg": bytes(50_001), "lily/1.jpg": b"1"})
    with pytest.raises(
        RunError, match=r"^the images take more than .* has room for: .* CNNXFER_CACHE"
    ):
        list_dataset(name, Reporter())
    assert not list(cache_dir().rglob("images.bin"))
    assert load("b.tar.gz", {"rose/1.jpg": bytes(50_000), "lily/1.jpg": b"1"})


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_an_archive_that_fits_on_a_small_disk_is_unpacked(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 200_000))
    assert load(name, {"rose/1.jpg": bytes(100_001), "lily/1.jpg": b"1"})


def test_a_zip_too_large_for_the_disk_is_refused_before_unpacking(
    monkeypatch: pytest.MonkeyPatch,
):
    write("a.zip", {"rose/1.jpg": bytes(100_001), "lily/1.jpg": b"1"})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 100_000))
    monkeypatch.setattr(zips, "members", None)
    with pytest.raises(
        RunError, match=r"take 100\.0 kB, and .* has room for 100\.0 kB"
    ):
        list_dataset("a.zip", Reporter())


def test_images_outside_of_class_folders_are_reported():
    write("a.zip", {"f/rose/1.jpg": "1", "f/lily/1.jpg": "2", "f/cover.jpg": "3"})
    reporter = RecordingReporter()
    list_dataset("a.zip", reporter)
    assert reporter.warnings == [
        "left out 1 image of a.zip/f outside of its class folders, such as cover.jpg."
    ]


@pytest.mark.parametrize("name", FORMS)
def test_what_is_no_image_is_not_copied(name: str):
    zeros = {f"rose/{number}.png": bytes(1_000_000) for number in range(5)}
    dataset = load(
        name, {**zeros, "lily/1.jpg": "1", "lily/page.jpg": "<html>" * 20_000}
    )
    rows = build_index(dataset.examples, Reporter())
    assert {row.example.id: row.problem for row in rows} == {
        **dict.fromkeys(zeros, "not an image"),
        "lily/1.jpg": "not an image",
        "lily/page.jpg": "not an image: HTML",
    }
    (images,) = cache_dir().rglob("images.bin")
    assert images.stat().st_size == 1


@pytest.mark.parametrize("name", FORMS[2:])
def test_an_archive_that_unpacks_to_far_more_than_its_size_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unpacking, "ANY_RATIO_BYTES", 1_200_000)
    monkeypatch.setattr(unpacking, "MAX_RATIO", 50)
    with pytest.raises(
        DataError,
        match=f"^{name} cannot be read: decompression bomb: .* over 50 times as much. "
        "Unpack it, and give the folder.$",
    ):
        load(name, {f"rose/{number}.png": bytes(500_000) for number in range(12)})
    assert not list(cache_dir().rglob("images.bin"))


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_an_archive_of_too_many_files_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archive, "MAX_FILES", 9)
    members = {f"rose/{number}.jpg": "" for number in range(5)}
    members |= {f".hidden/{number}.jpg": "" for number in range(5)}
    with pytest.raises(DataError, match=f"^{name} cannot be read: it holds over 9 fil"):
        load(name, members)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EIO, "Input/output error"), "input/output error"),
        (MemoryError(), "too little memory"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_what_the_machine_lacks_is_not_called_damage(
    name: str, error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise error

    monkeypatch.setattr(zips, "read_content", fail)
    monkeypatch.setattr(tars, "read_content", fail)
    expected = f"cannot be read( now)?: {reason}. .*Remove the reason, and try again"
    with pytest.raises((DataError, RunError), match=expected):
        load(name, {"a/1.jpg": "one", "b/2.jpg": "two"})


TOLD = (
    "<annotation><filename>1.png</filename><object><name>cat</name><bndbox>"
    "<xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>8</ymax></bndbox></object>"
    "</annotation>"
)


@pytest.fixture
def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 20)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("name", FORMS)
def test_an_archive_of_annotated_images_is_read_as_the_folder(
    name: str, picture: bytes
):
    images = [{"id": n, "file_name": f"{n}.png"} for n in range(1, 3)]
    item = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 8, 6]}
    coco = {"images": images, "annotations": [item], "categories": [CATEGORY]}
    text = json.dumps(coco) + " " * BEGINNING_BYTES  # which is no beginning of an image
    members = {"a/1.png": picture, "a/2.png": picture, "boxes.json": text}
    for _ in range(2):  # unpacked, and found again
        dataset = load(name, members)
        assert dataset.name == name[0]
        assert {it.id: it.read() for it in dataset.examples} == {
            "a/1.png": picture,
            "a/2.png": picture,
        }
        assert boxes_of(dataset)["a/1.png"] == [("cat", (1, 2, 9, 8))]
        assert not list(cache_dir().rglob("images.bin"))


def test_yolo_tables_and_masks_are_read_from_archives(picture: bytes):
    yolo = {"i.png": picture, "i.txt": "0 .5 .5 .5 .5", "classes.txt": "cat"}
    box = ("cat", (10, 5, 30, 15))
    assert boxes_of(load("yolo.zip", yolo)) == {"i.png": [box]}
    table = {"i.png": picture, "t.csv": "path,label,x0,y0,x1,y1\ni.png,cat,1,2,3,4"}
    assert boxes_of(load("table.zip", table)) == {"i.png": [("cat", (1, 2, 3, 4))]}
    mask = io.BytesIO()
    Image.new("L", (40, 20)).save(mask, "PNG")
    masks = {"images/i.png": picture, "masks/i.png": mask.getvalue()}
    assert load("masks.zip", masks).task == SEGMENTATION


def test_messages_name_files_as_they_lie_in_the_archive(picture: bytes):
    told = TOLD.replace("1.png", "gone.png")
    members = {"a/1.png": picture, "a/gone.xml": told, "b/2.png": picture}
    reporter = RecordingReporter()
    dataset = list_dataset(write("a.zip", members), reporter)
    assert dataset.class_names == ("a", "b")
    assert reporter.warnings == [
        "a.zip has annotations of 1 image, and none exists, such as gone.png. Put the "
        "images beside them."
    ]
    members = {"a/1.png": picture, "a/1.xml": "<annotation>"}
    with pytest.raises(DataError, match=r"^a\.zip/a/1\.xml is not XML"):
        load("a.zip", members)


def test_what_cannot_be_unpacked_is_told(picture: bytes):
    long = f"{'x' * 300}.png"
    members = {"1.png": picture, "1.xml": TOLD, long: picture, "1.xml/2.png": picture}
    reporter = RecordingReporter()
    dataset = list_dataset(write("a.zip", members | {"../3.png": picture}), reporter)
    assert set(boxes_of(dataset)) == {"1.png"}
    told, others = reporter.warnings
    assert f"left out 2 files of a.zip that cannot be unpacked, such as {long}" in told
    assert "left out 1 image without annotations, such as a.zip/3.png" in others
