"""Tests that images are read again only if they have changed."""

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.preparing import index, index_cache
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sample.flowers import draw
from cnnxfer.data.sources import folder
from cnnxfer.errors import PassingError
from cnnxfer.reporting import Reporter


@pytest.fixture(autouse=True)
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cache"
    monkeypatch.setenv("CNNXFER_CACHE", str(path))
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the examples that are read from now on."""
    ids: list[str] = []
    source = index._source
    monkeypatch.setattr(
        index, "_source", lambda example: ids.append(example.id) or source(example)
    )
    return ids


def index_of(root: Path, reporter: Reporter | None = None) -> list[IndexRow]:
    examples = folder.load(str(root), Reporter()).examples
    return build_index(examples, reporter or Reporter())


def cache_file(cache_dir: Path) -> Path:
    [path] = (cache_dir / "index").iterdir()
    return path


def test_an_index_that_others_can_have_written_is_made_anew(
    photos_dir: Path, cache_dir: Path, reads: list[str]
):
    first = index_of(photos_dir)
    cache_file(cache_dir).chmod(0o666)
    reads.clear()
    reporter = RecordingReporter()
    assert index_of(photos_dir, reporter) == first
    assert len(reads) == len(first)
    assert "can be written by others (mode 666)" in reporter.warnings[0]
    reads.clear()
    assert index_of(photos_dir, reporter) == first
    assert (reads, len(reporter.warnings)) == ([], 1)


def test_a_document_of_earlier_rows_is_removed(photos_dir: Path, cache_dir: Path):
    index_of(photos_dir)
    path = cache_file(cache_dir)
    path.rename(path.with_suffix(".json"))
    index_of(photos_dir)
    assert cache_file(cache_dir) == path


def test_unchanged_images_are_read_once(photos_dir: Path, reads):
    (photos_dir / "red" / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    first = index_of(photos_dir)
    assert sorted(reads) == sorted(row.example.id for row in first)
    reads.clear()
    assert index_of(photos_dir) == first
    assert reads == []
    assert [row.problem for row in first if row.problem]  # broken ones too


def test_a_relative_folder_is_the_same_folder(photos_dir: Path, reads, monkeypatch):
    index_of(photos_dir)
    reads.clear()
    monkeypatch.chdir(photos_dir.parent)
    rows = index_of(Path("photos"))
    assert reads == []
    assert rows[0].example.path == Path("photos/blue/00.jpg")


def test_labels_and_splits_are_not_cached(photos_dir: Path, reads):
    index_of(photos_dir)
    (photos_dir / "black").mkdir()
    reads.clear()
    rows = index_of(photos_dir)
    assert rows[0].example.label == 1
    assert reads == []


def test_only_changed_and_new_images_are_read_again(photos_dir: Path, reads):
    index_of(photos_dir)
    blue = photos_dir / "blue"
    (blue / "00.jpg").write_bytes((blue / "01.jpg").read_bytes())
    os.utime(blue / "02.jpg", ns=(0, 1))
    (blue / "new.jpg").write_bytes((blue / "03.jpg").read_bytes())
    (blue / "04.jpg").unlink()
    reads.clear()
    rows = {row.example.id: row for row in index_of(photos_dir)}
    assert sorted(reads) == ["blue/00.jpg", "blue/02.jpg", "blue/new.jpg"]
    assert rows["blue/00.jpg"].sha256 == rows["blue/01.jpg"].sha256
    assert rows["blue/new.jpg"].sha256 == rows["blue/03.jpg"].sha256
    reads.clear()
    assert {row.example.id: row for row in index_of(photos_dir)} == rows
    assert reads == []


def test_indexing_some_images_keeps_the_rows_of_others(
    photos_dir: Path, cache_dir: Path, reads
):
    # As with two tables of one folder, or two buckets.
    examples = folder.load(str(photos_dir), Reporter()).examples
    build_index(examples[::2], Reporter())
    build_index(examples[1::2], Reporter())
    reads.clear()
    build_index(examples[::2], Reporter())
    assert reads == []
    examples[0].path.unlink()
    os.utime(examples[1].path, ns=(0, 1))
    build_index(examples[1::2], Reporter())
    _, _, *rows = cache_file(cache_dir).read_text().splitlines()
    assert len(rows) == len(examples) - 1


def test_images_in_one_file_are_distinguished_by_offset(photos_dir: Path, reads):
    contents = [(photos_dir / "red" / f"0{i}.jpg").read_bytes() for i in range(3)]
    size = max(map(len, contents))
    path = photos_dir.parent / "images.bin"
    path.write_bytes(b"".join(content.ljust(size) for content in contents))
    examples = [
        Example(str(i), Labels((0,)), None, path, i * size, size) for i in range(3)
    ]
    first = build_index(examples, Reporter())
    assert len({row.sha256 for row in first}) == 3
    reads.clear()
    assert build_index(examples[::-1], Reporter()) == first[::-1]
    assert reads == []
    path.write_bytes(path.read_bytes() + b" ")
    assert build_index(examples[:1], Reporter()) == first[:1]
    assert build_index(examples, Reporter()) == first
    assert reads == ["0", "1", "2"]


def test_an_unreadable_file_is_read_again_the_next_time(photos_dir: Path, reads):
    link = photos_dir / "red" / "link.jpg"
    link.symlink_to("nowhere")
    assert index_of(photos_dir)[-1].problem == "no such file or directory"
    reads.clear()
    assert index_of(photos_dir)[-1].problem == "no such file or directory"
    assert reads == ["red/link.jpg"]
    link.unlink()
    link.symlink_to("00.jpg")
    assert index_of(photos_dir)[-1].problem is None


def test_a_file_without_permission_is_read_again_the_next_time(
    photos_dir: Path, monkeypatch
):
    # Its permissions may change, and neither its size nor its time.
    def refuse() -> bytes:
        raise PassingError("permission denied")

    with monkeypatch.context() as patch:
        refused = ImageSource("refused", refuse, here=True)
        patch.setattr(index, "_source", lambda example: refused)
        assert {row.problem for row in index_of(photos_dir)} == {"permission denied"}
    assert {row.problem for row in index_of(photos_dir)} == {None}


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flip_one_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [_cut, _flip_one_bit, lambda _: b"", lambda _: b"\xff\x00[]\n{}"],
)
def test_a_damaged_cache_is_rebuilt(photos_dir: Path, cache_dir, reads, damage):
    first = index_of(photos_dir)
    path = cache_file(cache_dir)
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    assert path.read_bytes() != sound
    reads.clear()
    assert index_of(photos_dir) == first
    assert len(reads) == len(first)
    assert path.read_bytes() == sound


def test_another_decoder_version_invalidates_the_cache(
    photos_dir: Path, reads, monkeypatch
):
    first = index_of(photos_dir)
    monkeypatch.setattr(index_cache, "DECODER", "2, Pillow 14")
    reads.clear()
    assert index_of(photos_dir) == first
    assert len(reads) == len(first)


def test_another_index_version_invalidates_the_cache(
    photos_dir: Path, reads, monkeypatch
):
    first = index_of(photos_dir)
    monkeypatch.setattr(index_cache, "INDEX_VERSION", index_cache.INDEX_VERSION + 1)
    reads.clear()
    assert index_of(photos_dir) == first
    assert len(reads) == len(first)


@pytest.mark.parametrize("line", [0, 1, 2, -1])
def test_a_cache_that_lacks_a_line_is_not_used(
    photos_dir: Path, cache_dir: Path, reads, line: int
):
    first = index_of(photos_dir)
    path = cache_file(cache_dir)
    lines = path.read_text().splitlines(keepends=True)
    del lines[line]
    path.write_text("".join(lines))
    reads.clear()
    assert index_of(photos_dir) == first
    assert len(reads) == len(first)


def test_all_fields_of_a_row_are_cached(photos_dir: Path, reads):
    for number, orientation in enumerate((1, 6)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        grey = draw("rose", number).convert("L")
        grey.save(photos_dir / "red" / f"g{number}.webp", exif=exif)
    frames = [draw("rose", number).resize((60, 40)) for number in range(2)]
    path = photos_dir / "red" / "x.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    first = index_of(photos_dir)
    for name in ("format", "mode", "orientation", "frames", "grey", "phash"):
        assert len({getattr(row, name) for row in first}) > 1, name
    reads.clear()
    assert index_of(photos_dir) == first
    assert reads == []


def test_rows_read_before_an_interrupt_are_kept(photos_dir: Path, reads):
    def interrupt(note: str) -> None:
        if reporter.progresses[-1].done == 20:
            raise KeyboardInterrupt

    reporter = RecordingReporter(interrupt)
    with pytest.raises(KeyboardInterrupt):
        index_of(photos_dir, reporter)
    reads.clear()
    index_of(photos_dir)
    assert len(reads) == 36 - 20


def test_a_cache_that_cannot_be_written_is_a_warning(
    photos_dir: Path, cache_dir: Path, caplog: pytest.LogCaptureFixture
):
    cache_dir.mkdir()
    (cache_dir / "index").touch()
    assert len(index_of(photos_dir)) == 36
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"{cache_dir / 'index'} cannot be written (File exists); the next command "
        "will read all images again."
    )


def test_several_threads_can_index_at_once(photos_dir: Path, reads):
    with ThreadPoolExecutor(4) as threads:
        indices = list(threads.map(index_of, [photos_dir] * 4))
    assert indices == [indices[0]] * 4
    reads.clear()
    assert index_of(photos_dir) == indices[0]
    assert reads == []
