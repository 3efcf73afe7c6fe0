"""Tests that changed copies of an image are found, and other images are not."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.images.perceptual_hash import perceptual_hash, sample_pixels
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.preparing import candidates
from cnnxfer.data.preparing import near_duplicates as module
from cnnxfer.data.preparing.near_duplicates import near_duplicates
from cnnxfer.data.sample.flowers import CLASS_NAMES, draw

Change = Callable[[Image.Image], Image.Image]


def encode(image: Image.Image, form: str = "JPEG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def row(content: bytes, name: str = "", **more) -> IndexRow:
    sha256 = hashlib.sha256(content).hexdigest()
    example = Example(name, Labels((0,)), None, Path(), sha256=sha256)
    return IndexRow(
        example, phash=perceptual_hash(sample_pixels(Picture(content))), **more
    )


def scaled(factor: float) -> Change:
    return lambda image: image.resize(
        (round(image.width * factor), round(image.height * factor))
    )


def cropped(left: float, top: float, right: float, bottom: float) -> Change:
    """Takes shares of the sides away."""
    return lambda image: image.crop(
        (
            round(left * image.width),
            round(top * image.height),
            round((1 - right) * image.width),
            round((1 - bottom) * image.height),
        )
    )


def framed(share: float, colour: str) -> Change:
    return lambda image: ImageOps.expand(image, round(share * min(image.size)), colour)


def brighter(factor: float) -> Change:
    return lambda image: ImageEnhance.Brightness(image).enhance(factor)


def of_contrast(factor: float) -> Change:
    return lambda image: ImageEnhance.Contrast(image).enhance(factor)


CHANGES: dict[str, Change] = {
    "half as large": scaled(0.5),
    "a quarter as large": scaled(0.25),
    "stretched": lambda image: image.resize((round(image.width * 0.8), image.height)),
    "brighter": brighter(1.2),
    "darker": brighter(0.8),
    "of more contrast": of_contrast(1.2),
    "of less contrast": of_contrast(0.8),
    "without colours": lambda image: image.convert("L"),
    "cropped around": cropped(0.025, 0.025, 0.025, 0.025),
    "cropped at a corner": cropped(0.05, 0.05, 0, 0),
    "cropped at one side": cropped(0, 0, 0.05, 0),
    "in a black frame": framed(0.02, "black"),
    "in a white frame": framed(0.03, "white"),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "mirrored": ImageOps.mirror,
    "mirrored and cropped": lambda image: cropped(0.03, 0, 0, 0.03)(
        ImageOps.mirror(image)
    ),
}


@cache
def drawn() -> list[Image.Image]:
    return [draw(CLASS_NAMES[number % 5], number) for number in range(15)]


def changed(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    for name, change in CHANGES.items():
        yield name, encode(change(image), quality=85)
    for quality in (30, 75, 95):
        yield f"of quality {quality}", encode(image, quality=quality)
    yield "as a PNG", encode(image, "PNG")


def check_found(images: Sequence[Image.Image], missed: int = 0) -> None:
    """Each kind of change is found, but for so many, and no other picture is."""
    originals = [row(encode(image, quality=92)) for image in images]
    assert near_duplicates(originals) == []
    copies = [[row(content) for _, content in changed(image)] for image in images]
    names = [name for name, _ in changed(images[0])]
    for kind, name in enumerate(names):
        rows = originals + [those[kind] for those in copies]
        count = len(originals)
        found = near_duplicates(rows)
        assert len(found) >= count - missed, name
        assert all(copy == original + count for original, copy in found), name


def test_only_altered_copies_are_found():
    check_found(drawn())


def test_only_altered_copies_of_photographs_are_found(shared: Path):
    paths = sorted((shared / "data" / "imagenet100").iterdir())[::4]
    check_found([Image.open(path).convert("RGB") for path in paths], missed=1)


def test_near_duplicates_of_flowers_are_as_many_as_confirmed_by_eye(shared: Path):
    # All 68 were looked at: the same photograph, or one of the same burst.
    paths = sorted((shared / "data" / "flowers12").rglob("*.jpg"))
    groups = near_duplicates([row(path.read_bytes()) for path in paths])
    assert 60 <= len(groups) <= 76
    assert max(map(len, groups)) <= 3
    for group in groups:
        assert len({paths[index].parent.name for index in group}) == 1


def test_the_built_in_data_has_no_near_duplicates():
    images = [draw(CLASS_NAMES[0], number) for number in range(30)]
    assert near_duplicates([row(encode(image)) for image in images]) == []


def test_copies_of_copies_are_one_group():
    image, another = drawn()[:2]
    contents = [content for _, content in changed(image)]
    other = encode(another)
    rows = [row(content) for content in [other, *contents[:9], contents[0], other]]
    assert near_duplicates(rows) == [[0, 11], [*range(1, 11)]]


def test_groups_do_not_depend_on_the_order_of_rows(monkeypatch):
    monkeypatch.setattr(candidates, "MAX_CANDIDATES", 1)
    rows = [row(content) for image in drawn()[:3] for _, content in changed(image)]
    expected = {
        frozenset(rows[index].sha256 for index in group)
        for group in near_duplicates(rows)
    }
    order = np.random.default_rng(0).permutation(len(rows))
    found = near_duplicates([rows[index] for index in order])
    assert {
        frozenset(rows[order[index]].sha256 for index in group) for group in found
    } == expected
    assert [group[0] for group in found] == sorted(group[0] for group in found)


def test_plain_pictures_match_only_exact_copies():
    rng = np.random.default_rng(0)
    pages = [
        encode(Image.fromarray(rng.integers(248, 256, (60, 90, 3), np.uint8)), "PNG")
        for _ in range(20)
    ]
    rows = [row(content) for content in [*pages, pages[3], pages[3]]]
    assert near_duplicates(rows) == [[3, 20, 21]]


def test_unreadable_images_have_no_near_duplicates():
    content = encode(drawn()[0])
    unread = IndexRow(Example("", Labels((0,)), None, Path()), problem="not a file")
    broken = row(content, problem="truncated JPEG")
    assert near_duplicates([unread, unread, broken, broken]) == []
    assert near_duplicates([]) == []


def motif(count: int, variety: float) -> list[IndexRow]:
    """Returns images of one motif that differ in details."""
    rng = np.random.default_rng(1)
    common = rng.normal(0, 60, (16, 16))
    rows = []
    for _ in range(count):
        blocks = 128 + common + rng.normal(0, variety, (16, 16))
        pixels = np.kron(blocks, np.ones((8, 8))).clip(0, 255).astype(np.uint8)
        rows.append(row(encode(Image.fromarray(pixels), "PNG")))
    return rows


def others(count: int) -> list[IndexRow]:
    """Returns rows of images that look like no other image."""
    rng = np.random.default_rng(2)
    return [
        IndexRow(
            Example("", Labels((0,)), None, Path(), sha256=f"{number:064x}"),
            phash="".join(rng.choice([*"13579bdf"], 256)),
        )
        for number in range(count)
    ]


def test_a_few_similar_images_are_one_group():
    assert near_duplicates([*others(90), *motif(8, 18)]) == [[*range(90, 98)]]


def test_among_many_similar_images_the_threshold_is_stricter():
    # Otherwise all of a data set of numerals would be in one split.
    content = encode(drawn()[0], quality=90)
    rows = [*others(500), *motif(40, 18), row(content)]
    rows.append(row(encode(drawn()[0], quality=70)))
    groups = near_duplicates(rows)
    assert [540, 541] in groups
    assert max(map(len, groups)) <= 3


def test_many_copies_of_one_picture_among_others_are_one_group():
    copies = [row(encode(drawn()[0], quality=quality)) for quality in range(60, 90)]
    assert near_duplicates([*others(300), *copies]) == [[*range(300, 330)]]


def test_similarity_that_many_images_share_is_not_counted():
    rows = [*others(100), *motif(30, 1)]
    assert near_duplicates(rows) == []
    assert near_duplicates([*rows, rows[-1]]) == [[129, 130]]  # exact copies
    assert near_duplicates([*others(300), *rows[100:]]) == [[*range(300, 330)]]


def test_comparing_in_blocks_gives_the_same_groups(monkeypatch):
    rows = [row(encode(image)) for image in drawn()]
    rows += [row(encode(image, quality=60)) for image in drawn()]
    expected = near_duplicates(rows)
    assert len(expected) == 15
    monkeypatch.setattr(candidates, "SIMILARITIES", 49)
    monkeypatch.setattr(candidates, "MAX_PAIRS", 3)
    monkeypatch.setattr(module, "BATCH_PAIRS", 5)
    assert near_duplicates(rows) == expected


def test_landmarks_leave_out_no_group(monkeypatch):
    rows = [row(content) for image in drawn() for _, content in changed(image)]
    rows += others(300)
    expected = near_duplicates(rows)
    assert len(expected) >= 15
    monkeypatch.setattr(candidates, "ALL_COMPARED", 0)
    assert near_duplicates(rows) == expected


def test_among_many_images_few_pairs_are_compared(monkeypatch):
    rng = np.random.default_rng(3)
    scenes = rng.normal(0, 2, (6000, 16, 16))
    shots = scenes + rng.normal(0, 1, scenes.shape)
    roots = np.concatenate([scenes, shots]).round().clip(-7, 7)
    digits = (roots + 8).astype(np.uint8).reshape(len(roots), -1, 2)
    hashes = [(pair[:, 0] << 4 | pair[:, 1]).tobytes().hex() for pair in digits]
    computed = []
    similarity = candidates._similarity

    def counted(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
        computed.append(len(ones) * len(others))
        return similarity(ones, others)

    monkeypatch.setattr(candidates, "_similarity", counted)
    all_pairs = {*zip(*candidates.find_candidates(hashes), strict=True)}
    all_computed = sum(computed)
    assert {(number, number + 6000) for number in range(6000)} <= all_pairs
    computed.clear()
    monkeypatch.setattr(candidates, "ALL_COMPARED", 0)
    monkeypatch.setattr(candidates, "SIMILARITIES", 1 << 10)
    pairs = {*zip(*candidates.find_candidates(hashes), strict=True)}
    assert pairs <= all_pairs
    assert len(pairs) >= 0.99 * len(all_pairs)
    assert sum(computed) < 0.6 * all_computed
