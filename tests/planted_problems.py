"""Folders of pictures with problems in them, and a list of what is wrong where.

What is not listed is sound: each picture is of its own, in colour, 96 by 72 pixels.
"""

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import odd_files as odd  # beside this file
from PIL import Image, ImageEnhance

SIZE = (96, 72)
PHOTOS = "photos"
TABLE = "table/table.csv"
GROUP_BY = r"plant\d+"
TRAIN, TEST = 16, 5  # images of a sound class
ODD_NAMES = ("cafe\u0301", "tulip ", "clover\u200bleaf")


@dataclass(frozen=True)
class Planted:
    """One problem.

    Attributes:
        spec: what is to be checked: a folder, or a table.
        kind: of the finding.
        about: ids of images that belong together, or names of classes.
        what: for people.
    """

    spec: str
    kind: str
    about: tuple[str, ...]
    what: str


class Planter:
    """Makes pictures, none like another, and remembers what is wrong with them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.planted: list[Planted] = []
        self._rng = np.random.default_rng(0)

    def picture(self, size=SIZE) -> Image.Image:
        """Colours in patches of every size, the larger the stronger, as outdoors."""
        pixels = np.full((size[1], size[0], 3), 128.0)
        for cells in (3, 6, 12, 24):
            field = self._rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
            layer = Image.fromarray(field).resize(size, Image.Resampling.BICUBIC)
            pixels += (np.asarray(layer) - 128.0) / cells**0.7
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

    def grey(self, size=SIZE) -> Image.Image:
        return self.picture(size).convert("L")

    def sound(self, folder: str, number: int, start: int = 0) -> None:
        """Adds pictures without a problem."""
        (self.root / folder).mkdir(parents=True, exist_ok=True)
        for index in range(start, start + number):
            self.put(f"{folder}/{index:03d}.jpg", self.picture())

    def put(self, path: str, content: bytes | Image.Image, **options) -> str:
        """Writes a file; returns its path."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Image.Image):
            content = jpeg(content, **options)
        target.write_bytes(content)
        return path

    def note(self, kind: str, *paths: str, what: str = "") -> None:
        """Remembers a problem of some files of one folder."""
        folder = paths[0].partition("/")[0]
        ids = tuple(path.removeprefix(f"{folder}/") for path in paths)
        self.planted.append(Planted(folder, kind, ids, what or ids[0]))

    def note_classes(self, folder: str, kind: str, *names: str) -> None:
        self.planted.append(Planted(folder, kind, names, " / ".join(names)))

    def one(self, kind: str, path: str, content: bytes | Image.Image, **options):
        self.note(kind, self.put(path, content, **options))


def plant(root: Path) -> list[Planted]:
    """Makes folders of pictures in `root`; returns all that is wrong with them.

    Each `Planted.spec` is relative to `root`; `PHOTOS` is to be checked with
    `--group-by` as in `GROUP_BY`.
    """
    planter = Planter(root)
    _plant_classes(planter)
    for step in (
        _plant_broken,
        _plant_other_files,
        _plant_pictures,
        _plant_greys,
        _plant_copies,
        _plant_groups,
        _plant_masks,
        _plant_boxes,
    ):
        step(planter)
    _plant_small_sets(planter)
    return planter.planted


def jpeg(image: Image.Image, quality: int = 92, **options) -> bytes:
    return odd.encode(image, "JPEG", quality=quality, **options)


def _plant_classes(planter: Planter) -> None:
    """Sound classes; and those that are too small, too large, or oddly named."""
    for name in ("aster", "daisy", "iris", "moss"):
        planter.sound(f"photos/train/{name}", TRAIN)
        if name != "moss":
            planter.sound(f"photos/test/{name}", TEST, start=100)
    planter.note_classes("photos", "missing-in-split", "moss")
    planter.sound("photos/test/reed", TEST)
    planter.note_classes("photos", "untrained-class", "reed")
    planter.sound("photos/train/sedge", 4)
    planter.sound("photos/test/sedge", 1)
    planter.note_classes("photos", "few-images", "sedge")
    planter.sound("photos/train/oak", 100)
    planter.sound("photos/test/oak", TEST)
    planter.note_classes("photos", "imbalance", "oak", "sedge")
    (planter.root / "photos/train/void").mkdir()
    planter.note_classes("photos", "empty-class", "void")
    planter.one("unreadable", "photos/train/ruin/0.jpg", b"gone")
    planter.note_classes("photos", "empty-class", "ruin")
    for names in (
        ("Rose", "rose"),
        ("lily valley", "lily-valley"),
        ("Caf\u00e9", "cafe\u0301"),
        ("tulip", "tulip "),
        ("clover_leaf", "clover\u200bleaf"),
    ):
        for name in names:
            if (planter.root / f"photos/train/{name}").exists():
                break  # some file systems take both for one
            planter.sound(f"photos/train/{name}", TRAIN)
            planter.sound(f"photos/test/{name}", TEST, start=100)
            if name in ODD_NAMES:
                planter.note_classes("photos", "odd-name", ascii(name))
        else:
            shown = [ascii(name) if name in ODD_NAMES else name for name in names]
            planter.note_classes("photos", "similar-names", *shown)


def _plant_broken(planter: Planter) -> None:
    """What cannot be decoded, or is not let in."""
    folder = "photos/train/aster"
    large = jpeg(planter.picture((200, 150)))
    cut = odd.encode(planter.picture(), "PNG")
    for name, content in {
        "page.jpg": b"<!DOCTYPE html><title>404</title>",
        "document.jpg": b"%PDF-1.7\n",
        "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "nothing.jpg": b"",
        "zeros.jpg": bytes(5000),
        "text.png": b"a picture of an aster",
        "signature.png": cut[:8],
        "next.jpg": b"\0\0\0\x0cjxl \r\n\x87\n",
        "bomb.png": odd.bomb(b"zTXt"),
        "cut.webp": odd.encode(planter.picture(), "WEBP")[:-40],
    }.items():
        planter.one("unreadable", f"{folder}/{name}", content)
    (planter.root / folder / "link.jpg").symlink_to("nowhere")
    planter.note("not-read", f"{folder}/link.jpg")
    os.mkfifo(planter.root / folder / "pipe.jpg")
    planter.note("unreadable", f"{folder}/pipe.jpg")
    for name, content in {
        "half.jpg": large[: len(large) // 2],
        "half a header.jpg": large[:100],
        "almost.jpg": large[:-100],
        "half.png": cut[: len(cut) // 2],
        "half.gif": odd.encode(planter.picture(), "GIF")[:-500],
        "half.bmp": odd.encode(planter.picture(), "BMP")[:-900],
    }.items():
        planter.one("truncated", f"{folder}/{name}", content)
    vast = odd.png((30_000, 30_000), 8, 2, bytes(99))
    planter.one("too-large", f"{folder}/vast.png", vast)
    claim = odd.claiming(large, 65_000, 65_000)
    planter.one("too-large", f"{folder}/vast.jpg", claim)
    planter.one("too-large", f"{folder}/heavy.jpg", b"")
    with (planter.root / folder / "heavy.jpg").open("wb") as stream:
        stream.truncate(600 * 2**20)  # takes no room


def _plant_other_files(planter: Planter) -> None:
    """What is no image, and what systems leave behind."""
    for path, content in {
        "train/daisy/README.txt": b"Photographs of daisies.",
        "train/daisy/labels.csv": b"path,label\n",
        "train/daisy/film.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
        "test/daisy/notes": b"to be sorted",
    }.items():
        planter.one("other-file", f"photos/{path}", content)
    planter.one("other-file", "photos/LICENSE", b"Everybody may use these.")
    planter.note("circular-link", "photos/train/daisy/up")
    (planter.root / "photos/train/daisy/up").symlink_to("..")
    for path in (
        *("train/daisy/.DS_Store", "train/daisy/._000.jpg", "train/daisy/Thumbs.db"),
        *("test/daisy/desktop.ini", "test/daisy/.hidden.jpg"),
    ):
        planter.one("hidden", f"photos/{path}", planter.picture())
    planter.put("photos/train/daisy/.thumbnails/000.jpg", planter.picture())
    planter.note("hidden", "photos/train/daisy/.thumbnails/")


def _plant_pictures(planter: Planter) -> None:
    """Pictures that are stored, or look, otherwise than most."""
    folder = "photos/train/iris"
    for name, form in {
        "jpeg.png": "JPEG",
        "png.jpg": "PNG",
        "webp.jpg": "WEBP",
        "gif.jpeg": "GIF",
        "bmp.png": "BMP",
        "tiff.jpg": "TIFF",
    }.items():
        content = odd.encode(planter.picture(), form)
        planter.one("wrong-suffix", f"{folder}/{name}", content)
    for name, form in {
        "moving.gif": "GIF",
        "moving.webp": "WEBP",
        "moving.png": "PNG",
        "pages.tif": "TIFF",
    }.items():
        frames = {"save_all": True, "append_images": [planter.picture()]}
        content = odd.encode(planter.picture(), form, **frames)
        planter.one("animated", f"{folder}/{name}", content)
    for name, form in {"print.jpg": "JPEG", "print.tif": "TIFF"}.items():
        content = odd.encode(planter.picture().convert("CMYK"), form)
        planter.one("cmyk", f"{folder}/{name}", content)
    planter.one("cmyk", f"{folder}/ycck.jpg", odd.ycck_jpeg())
    for orientation in range(2, 9):
        path = f"{folder}/turned {orientation}.jpg"
        exif = Image.Exif()
        exif[0x0112] = orientation
        planter.one("turned", path, planter.picture(), exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    content = odd.encode(planter.picture(), "PNG", exif=exif)
    planter.one("turned", f"{folder}/turned.png", content)
    for width, height in ((1, 1), (8, 8), (31, 40), (60, 24)):
        path = f"{folder}/{width} by {height}.png"
        content = odd.encode(planter.picture((width, height)), "PNG")
        planter.one("tiny", path, content)
    for width, height in ((400, 60), (50, 300), (960, 300)):
        path = f"{folder}/{width} by {height}.jpg"
        planter.one("long", path, planter.picture((width, height)))
    levels = np.asarray(planter.picture()).astype(np.uint16)
    for name, content in {
        "12 of 16 bits.png": odd.png(SIZE, 16, 2, odd.png_rows(levels * 16)),
        "12 of 16 bits.ppm": b"P6 %d %d 65535\n" % SIZE
        + (levels * 16).astype(">u2").tobytes(),
    }.items():
        planter.one("dim", f"{folder}/{name}", content)
    planter.one("huge", f"{folder}/huge.jpg", planter.picture().resize((7200, 7000)))


def _plant_greys(planter: Planter) -> None:
    """Grey pictures in whatever form, and a class that has hardly others."""
    folder = "photos/train/iris"
    sixteen = np.asarray(planter.grey()).astype(np.uint16) * 257
    for name, content in {
        "grey.jpg": jpeg(planter.grey()),
        "grey.png": odd.encode(planter.grey(), "PNG"),
        "three equal channels.png": odd.encode(planter.grey().convert("RGB"), "PNG"),
        "16 bits.png": odd.encode(Image.fromarray(sixteen), "PNG"),
        "1 bit.png": odd.encode(planter.grey().convert("1"), "PNG"),
    }.items():
        planter.one("grey", f"{folder}/{name}", content)
    planter.sound("photos/train/fern", TRAIN // 2)
    planter.sound("photos/test/fern", TEST, start=100)
    for index in range(TRAIN):
        planter.one("grey", f"photos/train/fern/grey {index}.jpg", planter.grey())
    planter.note_classes("photos", "grey-class", "fern")


def _plant_copies(planter: Planter) -> None:
    """Copies in one class, in two, and in two splits; each as it is, and changed."""

    def twice(kind: str, first: str, second: str, change: Callable) -> None:
        picture = planter.picture((192, 144))
        one = planter.put(f"photos/{first}.jpg", picture)
        content = change(picture)
        suffix = ".png" if content.startswith(b"\x89PNG") else ".jpg"
        other = planter.put(f"photos/{second}{suffix}", content)
        paths = [one, other] if "leak" in kind else sorted([one, other])
        planter.note(kind, *paths, what=f"{one} and {other}")

    folder = "train/iris"
    twice("copies", f"{folder}/one", f"{folder}/one (copy)", jpeg)
    twice("copies", f"{folder}/two", f"{folder}/deeper/two", jpeg)
    twice("copies", "test/iris/one", "test/iris/one (copy)", jpeg)
    for name, change in CHANGES.items():
        twice("near-copies", f"{folder}/{name}", f"{folder}/{name} 2", change)
    twice("contradiction", "train/iris/who", "train/aster/who", jpeg)
    twice("contradiction", "test/iris/what", "test/daisy/what", jpeg)
    change = CHANGES["resized"]
    twice("near-contradiction", "train/iris/hm", "train/aster/hm", change)
    change = CHANGES["recompressed"]
    twice("near-contradiction", "test/iris/huh", "test/aster/huh", change)
    twice("leak", "train/iris/seen", "test/iris/seen", jpeg)
    twice("leak", "train/daisy/known", "test/daisy/unknown", jpeg)
    change = CHANGES["recompressed"]
    twice("near-leak", "train/iris/alike", "test/iris/alike", change)
    change = CHANGES["resized"]
    twice("near-leak", "train/aster/same", "test/aster/same", change)


def _recompressed(picture: Image.Image) -> bytes:
    return jpeg(picture, quality=60)


def _resized(picture: Image.Image) -> bytes:
    return jpeg(picture.resize((128, 96), Image.Resampling.LANCZOS))


def _as_png(picture: Image.Image) -> bytes:
    return odd.encode(Image.open(io.BytesIO(jpeg(picture))), "PNG")


def _brightened(picture: Image.Image) -> bytes:
    return jpeg(ImageEnhance.Brightness(picture).enhance(1.1))


def _cropped(picture: Image.Image) -> bytes:
    return jpeg(picture.crop((2, 2, picture.width - 2, picture.height - 2)))


CHANGES = {
    "recompressed": _recompressed,
    "resized": _resized,
    "as png": _as_png,
    "brightened": _brightened,
    "cropped": _cropped,
}


def _plant_groups(planter: Planter) -> None:
    """A plant that was photographed for training, and again for the test."""
    for number in (1, 2):
        train = f"photos/train/aster/plant{number} a.jpg"
        test = f"photos/test/aster/plant{number} b.jpg"
        planter.put(train, planter.picture())
        planter.put(test, planter.picture())
        planter.note("group-leak", train, test, what=f"plant{number}")


def _plant_masks(planter: Planter) -> None:
    """Masks that do not fit, and values and classes that are slips of the pen."""
    masks = {f"{number:03d}": _halves() for number in range(TRAIN)}
    planter.sound("areas/images", TRAIN)
    masks["000"][30, :40] = 7
    planter.note("unnamed-values", "areas/images/000.jpg")
    masks["001"][30, :5] = 2
    planter.note_classes("areas", "rare-class", "speck")
    planter.note_classes("areas", "few-images", "speck")
    planter.note_classes("areas", "missing-in-split", "speck")
    turned = _turned_picture(planter, "areas/images/turned.jpg")
    planter.note("masks-turned", turned)
    masks["turned"] = _halves()
    planter.one("unfit", "areas/images/small.jpg", planter.picture())
    masks["small"] = _halves()[:10, :10]
    for name, values in masks.items():
        content = odd.encode(Image.fromarray(values), "PNG")
        planter.put(f"areas/masks/{name}_mask.png", content)
    planter.one("unfit", "areas/images/broken.jpg", planter.picture())
    planter.put("areas/masks/broken.png", b"gone")
    planter.put("areas/classes.txt", b"ground\nplant\nspeck\n")


def _halves() -> np.ndarray:
    """A mask of two values, each in half of a picture."""
    values = np.zeros(SIZE[::-1], np.uint8)
    values[: SIZE[1] // 2] = 1
    return values


def _turned_picture(planter: Planter, path: str) -> str:
    exif = Image.Exif()
    exif[0x0112] = 6
    planter.one("turned", path, planter.picture(), exif=exif)
    return path


def _plant_boxes(planter: Planter) -> None:
    """Boxes that do not fit, are there twice, or hardly to be seen."""
    width, height = SIZE
    sound = (1, 1, 40, 40)  # left, top, width and height
    entries: dict[str, tuple[tuple[int, int], list[tuple[int, ...]]]] = {}
    planter.sound("boxes", TRAIN)
    for number in range(TRAIN):
        entries[f"{number:03d}"] = SIZE, [sound]
        planter.note("one-based", f"boxes/{number:03d}.jpg")

    def plant(kind: str, name: str, size: tuple[int, int], *boxes) -> None:
        path = f"boxes/{name}.jpg"
        if kind == "boxes-turned":
            planter.note(kind, _turned_picture(planter, path))
        else:
            planter.one(kind, path, planter.picture())
        entries[name] = size, list(boxes)

    plant("boxes-scaled", "scaled", (2 * width, 2 * height), (20, 20, 90, 90))
    plant("boxes-turned", "turned", SIZE, (20, 20, 40, 40))
    plant("boxes-clipped", "clipped", SIZE, (20, 20, 90, 40))
    plant("boxes-outside", "outside", SIZE, (20, 20, 40, 40), (120, 20, 40, 40))
    plant("boxes-empty", "empty", SIZE, (20, 20, 40, 40), (20, 20, 0, 40))
    plant("unfit", "unfit", (50, 50), (20, 20, 20, 20))
    plant("unfit", "all outside", SIZE, (120, 20, 40, 40))
    plant("same-box", "twice", SIZE, (20, 20, 40, 40), (20, 20, 40, 40))
    many = ((20 + number % 50, 20 + number // 50, 9, 9) for number in range(101))
    plant("many-boxes", "many", SIZE, *many)
    plant("tiny-box", "tiny", SIZE, (20, 20, 3, 40))
    plant("unlabelled", "background", SIZE)
    document = {
        "categories": [{"id": 7, "name": "leaf"}],
        "images": [
            {
                "id": name,
                "file_name": f"{name}.jpg",
                "width": size[0],
                "height": size[1],
            }
            for name, (size, _) in entries.items()
        ],
        "annotations": [
            {"image_id": name, "category_id": 7, "bbox": box}
            for name, (_, boxes) in entries.items()
            for box in boxes
        ],
    }
    planter.put("boxes/annotations.json", json.dumps(document).encode())


def _plant_small_sets(planter: Planter) -> None:
    """Folders on which nothing can be trained, and one of nothing but icons."""
    planter.sound("one class/rose", TRAIN)
    planter.note_classes("one class", "one-class", "rose")
    (planter.root / "empty").mkdir()
    planter.note_classes("empty", "no-data")
    planter.sound("loose", 5)
    planter.note_classes("loose", "no-data")
    for name in ("rose", "iris"):
        planter.one("unreadable", f"broken/{name}/1.jpg", b"gone")
        planter.note_classes("broken", "empty-class", name)
        planter.sound(f"single/{name}", 1)
        planter.note_classes("single", "few-images", name)
        for index in range(TRAIN):
            icon = planter.picture((24, 24))
            planter.one("all-tiny", f"icons/{name}/{index}.jpg", icon)
    planter.note_classes("broken", "no-images")
    planter.note_classes("single", "no-split")
    lines = ["path,label"]
    for index in range(4 * TRAIN):
        planter.put(f"table/{index}.jpg", planter.picture())
        labels = ("rose|iris", "rose", "iris", "")[index % 4]
        lines.append(f"{index}.jpg,{labels}")
        if not labels:
            planter.planted.append(
                Planted(TABLE, "unlabelled", (f"{index}.jpg",), f"{index}.jpg")
            )
    lines.append("gone.jpg,rose")
    planter.planted.append(Planted(TABLE, "not-read", ("gone.jpg",), "gone.jpg"))
    planter.put(TABLE, "\n".join(lines).encode())
