"""Zip and tar archives, sound, damaged and hostile."""

import gzip
import io
import os
import stat
import tarfile
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnnxfer import unpacking
from cnnxfer.data import dataset
from cnnxfer.data.archives import tars, zips
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs import archives, count_images, find_images

TARS = ["a.tar", "a.tar.gz", "A.TGZ", "a.tar.bz2", "a.tar.xz"]
FORMS = [*TARS, "a.zip"]
JPEG = b"\xff\xd8\xff\xe0"  # how a JPEG begins
# Not sorted, and with what is no image or hidden.
MEMBERS = {
    "z.jpg": "first",
    "in/a.PNG": "second",
    "in/notes.txt": "",
    ".hidden.jpg": "",
    "in/.cache/b.jpg": "",
    "__MACOSX/in/a.PNG": "",
    "./c.jpg": "third",
    "../up.jpg": "fourth",
    "/etc/root.jpg": "fifth",
    "n\u00e4her.jpg": "sixth",
}


def write(name: str, members: dict[str, str | bytes | tarfile.TarInfo]) -> str:
    if name.lower().endswith(".zip"):
        with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(zipfile.ZipInfo(member), content)
    else:
        packing = {"tar": "", "tgz": "gz"}.get(name.lower().split(".")[-1])
        packing = name.split(".")[-1] if packing is None else packing
        with tarfile.open(name, f"w:{packing}") as archive:
            for member, content in members.items():
                if isinstance(content, tarfile.TarInfo):
                    archive.addfile(content)
                    continue
                header = tarfile.TarInfo(member)
                content = content.encode() if isinstance(content, str) else content
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
    return name


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, link
    return header


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", FORMS)
def test_images_are_in_the_order_of_the_archive(name: str, found) -> None:
    write(name, MEMBERS)
    before = sorted(Path().rglob("*"))
    assert found(name) == [
        (f"{name}/z.jpg", "first"),
        (f"{name}/in/a.PNG", "second"),
        (f"{name}/c.jpg", "third"),
        (f"{name}/../up.jpg", "fourth"),
        (f"{name}//etc/root.jpg", "fifth"),
        (f"{name}/n\u00e4her.jpg", "sixth"),
    ]
    assert sorted(Path().rglob("*")) == before  # nothing was unpacked


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_files_are_images_by_name_or_by_content(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    png, large = b"\x89PNG\r\n\x1a\n", bytes(100_000)
    members: dict[str, str | bytes | tarfile.TarInfo] = {
        "a/IMG_1": png + large,
        "a/README": "",
        "a/film": b"\0\0\1\xb3" + large,
        "a/wrong.txt": png,
        "a/._x": png,
        "__MACOSX/a/x.jpg": png,
        "z.jpg": "z",
    }
    if name != "a.zip":
        members["link"] = special("link", tarfile.SYMTYPE, "z.jpg")
    write(name, members)
    passed_over = PassedOver()
    found = [source.name for source in find_images([name], passed_over=passed_over)]
    assert found == [
        f"{name}/{member}" for member in ("a/IMG_1", "a/wrong.txt", "z.jpg")
    ]
    others = 2 if name == "a.zip" else 3
    assert passed_over.line() == (
        f"passed over {others} files that are not images, such as {name}/a/README; "
        f"2 hidden or system files, such as {name}/a/._x"
    )
    if name == "a.zip":
        assert count_images([name]) == 3
        monkeypatch.setattr(archives, "MAX_LOOKED_INTO", 3)
        assert count_images([name]) is None


@pytest.mark.usefixtures("input_files")
def test_images_are_counted_in_zips_but_not_in_tars() -> None:
    assert count_images([write("a.zip", MEMBERS)]) == 6
    assert count_images([write("a.tar", MEMBERS)]) is None


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", FORMS)
def test_an_archive_without_images_is_refused(name: str) -> None:
    write(name, {"notes.txt": "words", "folder.jpg/x.txt": ""})
    with pytest.raises(DataError, match="holds no images"):
        find_images([name])


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b", b"\x00" * 3000])
def test_a_file_that_is_not_an_archive_is_refused(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(DataError, match=f"^{name} (cannot be read: |holds no images)"):
        find_images(["photos/b.jpg", name])


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_links_and_devices_are_reported(name: str, found) -> None:
    write(
        name,
        {
            "a.jpg": "a",
            "soft.jpg": special("soft.jpg", tarfile.SYMTYPE, "/etc/passwd"),
            "hard.jpg": special("hard.jpg", tarfile.LNKTYPE, "a.jpg"),
            "device.jpg": special("device.jpg", tarfile.CHRTYPE),
            "folder.jpg": special("folder.jpg", tarfile.DIRTYPE),
            "z.jpg": "z",
        },
    )
    assert [content for _, content in found(name)] == [
        "a",
        "<not a file>",
        "<not a file>",
        "<not a file>",
        "z",
    ]


@pytest.mark.usefixtures("input_files")
def test_links_and_encrypted_members_of_zips_are_reported(found) -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.jpg", "secret")
        archive.writestr("z.jpg", "z")
    content = bytearray(Path("a.zip").read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.index(signature, content.index(signature) + 1)
        content[at + flags] |= 1  # of the second member
    Path("a.zip").write_bytes(content)
    contents = [content for _, content in found("a.zip")]
    assert contents == ["<not a file>", "<encrypted>", "z"]


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", FORMS)
def test_members_over_the_limit_are_reported(
    name: str, found, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (tars, zips, dataset):
        monkeypatch.setattr(module, "MAX_BYTES", 1000)
    write(name, {"a.jpg": "a" * 1000, "large.jpg": "b" * 1001, "z.jpg": "z"})
    small, large, last = (content for _, content in found(name))
    assert (len(small), last) == (1000, "z")
    assert "limit" in large


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (zipfile.ZIP_DEFLATED, "<damaged archive: "),
        (zipfile.ZIP_BZIP2, "<unknown compression: method 12; expected deflate>"),
        (zipfile.ZIP_LZMA, "<unknown compression: method 14; expected deflate>"),
    ],
)
def test_a_member_larger_than_declared_takes_little_memory(
    method: int, reason: str, found
) -> None:
    with zipfile.ZipFile("a.zip", "w", method) as archive:
        archive.writestr("bomb.jpg", bytes(50_000_000))
        archive.writestr("z.jpg", "z", zipfile.ZIP_STORED)
    content = bytearray(Path("a.zip").read_bytes())
    for signature, size in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = content.index(signature) + size
        content[at : at + 4] = (1000).to_bytes(4, "little")
    Path("a.zip").write_bytes(content)
    tracemalloc.start()
    (_, bomb), (_, last) = found("a.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bomb.startswith(reason)
    assert last == "z"
    assert peak < 5_000_000


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", TARS)
def test_a_truncated_tar_gives_its_earlier_images(name: str, found) -> None:
    write(name, {f"{number}.jpg": os.urandom(60_000) for number in range(40)})
    whole = [content for _, content in found(name)]
    content = Path(name).read_bytes()
    Path(name).write_bytes(content[: len(content) * 2 // 3])
    *before, last = found(name)
    assert len(before) > 10
    assert [content for _, content in before] == whole[: len(before)]
    assert last[0] == name
    assert last[1].startswith("<damaged archive: ")


@pytest.mark.usefixtures("input_files")
def test_a_damaged_header_is_reported(found) -> None:
    write("a.tar", {f"{number}.jpg": "x" * 512 for number in range(10)})
    content = bytearray(Path("a.tar").read_bytes())
    content[5 * 1024 : 5 * 1024 + 512] = b"\xaa" * 512
    Path("a.tar").write_bytes(content)
    results = found("a.tar")
    assert len(results) == 6
    assert results[-1] == ("a.tar", "<damaged archive: invalid header>")


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
@pytest.mark.parametrize("size", [-512, 1 << 33])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_with_a_wrong_size_ends_the_archive(
    name: str, size: int, kind: bytes, found
) -> None:
    liar = special("liar.jpg", kind)
    liar.size = size
    header = liar.tobuf(tarfile.GNU_FORMAT)
    write("one.tar", {"a.jpg": "a"})
    content = Path("one.tar").read_bytes()[:1024] + header
    Path(name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    results = found(name)
    assert results[0] == (f"{name}/a.jpg", "a")
    assert 2 <= len(results) <= 3
    assert results[-1][1].startswith("<damaged archive: ")
    if kind != tarfile.REGTYPE:  # a name as long as that would be read
        assert results[-1][1] == f"<damaged archive: a header of {size:,} bytes>"


@pytest.mark.usefixtures("input_files")
def test_a_damaged_member_of_a_zip_fails_alone(found) -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        for letter in "abc":
            archive.writestr(f"{letter}.jpg", letter * 100)
    content = Path("a.zip").read_bytes().replace(b"b" * 100, b"b" * 99 + b"x")
    Path("a.zip").write_bytes(content)
    first, second, third = (content for _, content in found("a.zip"))
    assert (first, third) == ("a" * 100, "c" * 100)
    assert second.startswith("<damaged archive: Bad CRC-32")


@pytest.mark.usefixtures("input_files")
def test_several_threads_can_read_a_zip() -> None:
    contents = {f"{n}.jpg": JPEG + os.urandom(200_000) for n in range(60)}
    write("a.zip", contents)
    sources = list(find_images(["a.zip"]))
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda source: source.read(), sources))
    assert read == list(contents.values())
    assert sources[0].read() == read[0]  # and again


@pytest.mark.usefixtures("input_files")
def test_an_uncompressed_tar_is_not_read_into_memory() -> None:
    content = JPEG + bytes(10_000_000)
    write("a.tar", {f"{number}.jpg": content for number in range(10)})
    tracemalloc.start()
    sources = list(find_images(["a.tar"]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sources) == 10
    assert peak < 5_000_000
    assert not any(source.here for source in sources)
    assert sources[3].read() == content


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", FORMS)
def test_sources_give_the_memory_that_they_take(name: str) -> None:
    write(name, {"a.jpg": bytes(1234), "b.jpg": bytes(5)})
    sizes = [source.size_bytes for source in find_images([name])]
    assert sizes == ([0, 0] if name == "a.tar" else [1234, 5])


@pytest.mark.usefixtures("input_files")
def test_a_long_tar_is_not_kept_in_memory() -> None:
    write("a.tar", {f"{number}.jpg": "" for number in range(20_000)})
    tracemalloc.start()
    total = sum(1 for _ in find_images(["a.tar"]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 20_000
    assert peak < 1_000_000


@pytest.mark.usefixtures("input_files")
def test_an_archive_without_permission_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("a.zip", MEMBERS)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "a.zip")

    monkeypatch.setattr(unpacking, "ZipFile", refuse)
    with pytest.raises(DataError, match=r"^a\.zip cannot be read: permission denied\."):
        find_images(["a.zip"])


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", FORMS)
def test_what_is_no_image_is_not_unpacked_whole(name: str, found) -> None:
    write(
        name,
        {
            "zeros.png": bytes(20_000_000),
            "page.jpg": b"<html>" + bytes(70_000),
            "short.jpg": "short",  # the decoder tells what it is
            "new.heic": b"\0\0\0\x18ftypheic"
            + bytes(70_000),  # a package may be missing
            "z.jpg": JPEG + bytes(70_000),
        },
    )
    tracemalloc.start()
    (_, zeros), (_, page), (_, short), (_, heic), (_, image) = found(name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (zeros, page) == ("<not an image>", "<not an image: HTML>")
    assert (short, len(image)) == ("short", len(JPEG) + 70_000)
    assert len(heic) == 12 + 70_000
    assert peak < 10_000_000  # bzip2 takes some


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize("name", TARS[1:])
def test_a_tar_that_unpacks_to_far_more_than_its_size_ends(
    name: str, found, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(name, {f"{n}.png": bytes(500_000) for n in range(12)})
    assert len(found(name)) == 12  # a small one may
    monkeypatch.setattr(unpacking, "ANY_RATIO_BYTES", 1_200_000)
    *images, (path, reason) = found(name)
    assert len(images) in (2, 3)
    assert path == name
    assert reason.startswith("<decompression bomb: ")
    assert reason.endswith(" MB or more, over 200 times as much>")


@pytest.mark.usefixtures("input_files")
def test_a_zip_that_unpacks_to_far_more_than_its_size_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(12):
            archive.writestr(f"{number}.png", bytes(500_000))
    monkeypatch.setattr(unpacking, "ANY_RATIO_BYTES", 1_200_000)
    expected = r"decompression bomb: 7\.\d kB unpack to 6\.0 MB or more, over 200 times"
    with pytest.raises(DataError, match=f"^a.zip cannot be read: {expected} as much. "):
        find_images(["a.zip"])
    Path("list.txt").write_text("a.zip")
    (source,) = find_images(["@list.txt"])
    with pytest.raises(DataError, match=f"^{expected} as much$"):
        source.read()


@pytest.mark.usefixtures("input_files")
def test_the_index_of_a_zip_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.zip", MEMBERS)
    opened = []

    def open_zip(path: Path) -> zipfile.ZipFile:
        opened.append(path)
        return zipfile.ZipFile(path)

    monkeypatch.setattr(zips, "open_zip", open_zip)
    sources = find_images(["a.zip"])
    assert count_images(["a.zip"]) == 6
    assert [source.read() for source in sources].index(b"third") == 2
    assert len(opened) == 1
    assert zips._open_state.cache_info().currsize == 0  # nothing is kept afterwards
    write("a.zip", {"other.jpg": "other"})
    assert [source.read() for source in find_images(["a.zip"])] == [b"other"]


@pytest.mark.usefixtures("input_files")
def test_a_zip_that_lists_too_many_files_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("a.zip", MEMBERS)
    monkeypatch.setattr(zips, "open_zip", lambda path: unpacking.open_zip(path, 9))
    with pytest.raises(
        DataError,
        match=r"^a\.zip cannot be read: it lists 10 files; the limit is 9\. Unpack it,",
    ):
        find_images(["a.zip"])
