"""Tests that large images take little memory, and wait for one another's."""

import io
import sys
import threading
import time
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.images import decode as module
from cnnxfer.data.images import flatten
from cnnxfer.data.images.decode import (
    decode,
    is_animated,
    open_image,
    orientation,
    seek,
)
from cnnxfer.data.images.memory import SharedBudget, counted, needed_bytes
from cnnxfer.data.images.picture import Picture
from cnnxfer.errors import DataError, PassingError
from cnnxfer.hardware.processor import Memory

SIZE = (4000, 3000)
PEAK = """
import sys
from pathlib import Path
from cnnxfer.data.images.decode import decode
from cnnxfer.data.images.picture import Picture

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if "VmHWM" in line).split()[1])

Picture(Path(sys.argv[1]).read_bytes())
before = peak()
picture = Picture(Path(sys.argv[2]).read_bytes())
picture.view((0, 0, picture.width, picture.height), 32)
print((peak() - before) / (picture.width * picture.height))
"""


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(
    ("mode", "most"),
    # Bytes a pixel: the image and the result, with what bands take; once 25 and 16.
    [("I;16", 3 + 4), ("RGBA", 8 + 4)],
)
def test_a_large_image_is_in_memory_twice_at_most(tmp_path: Path, mode, most):
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    small.write_bytes(encoded(Image.new(mode, (64, 64))))
    large.write_bytes(encoded(Image.new(mode, SIZE), compress_level=1))
    command = [sys.executable, "-c", PEAK, small, large]
    done = run(command, capture_output=True, text=True, check=True)
    assert 1 < float(done.stdout) < most


def test_bands_give_the_same_pixels_as_the_whole(monkeypatch):
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (50, 40, 4), np.uint8)
    deep = random.integers(0, 65536, (50, 40), np.uint16)
    contents = [
        encoded(Image.fromarray(pixels)),
        encoded(Image.fromarray(pixels).convert("LA")),
        encoded(Image.fromarray(pixels[..., 0]), transparency=7),
        encoded(Image.fromarray(deep)),
        encoded(Image.fromarray(deep.astype(np.float32) - 9), "TIFF"),
        encoded(Image.fromarray(deep.astype(np.int32)), "TIFF"),
    ]
    whole = [np.asarray(decode(content)) for content in contents]
    monkeypatch.setattr(flatten, "BAND_PIXELS", 7 * 40)
    for content, expected in zip(contents, whole, strict=True):
        np.testing.assert_array_equal(decode(content), expected)


def test_views_of_grey_images_equal_those_of_rgb():
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120), np.uint8)
    grey = Image.fromarray(pixels)
    views = [
        Picture(encoded(image)).view((3.5, 2, 100, 77), (20, 30), flip=True)
        for image in (grey, grey.convert("RGB"))
    ]
    np.testing.assert_array_equal(*views)


class Watched(SharedBudget):
    """A budget that remembers the most that was counted, and the order."""

    def __init__(self, total_bytes: int) -> None:
        super().__init__(total_bytes)
        self.most, self.let_in = 0, []

    def wait(self, size_bytes: int) -> None:
        super().wait(size_bytes)
        self.let_in.append(size_bytes)
        self.most = max(self.most, self._counted_bytes)


def test_images_wait_until_they_fit_in_and_keep_their_order():
    budget = Watched(100)
    budget.wait(60)
    threads = []
    for size in (70, 30, 250):
        threads.append(threading.Thread(target=budget.wait, args=[size], daemon=True))
        threads[-1].start()
        time.sleep(0.02)
    assert budget.let_in == [60]  # 30 would fit in, and doesn't overtake
    budget.release(60)
    for thread in threads[:2]:
        thread.join(10)
    assert budget.let_in == [60, 70, 30]
    budget.release(70)
    budget.release(30)
    threads[2].join(10)  # more than all, alone
    assert budget.let_in == [60, 70, 30, 250]
    assert budget.most == 250


@pytest.mark.parametrize(("free", "fits"), [(2**30, 1), (None, 5)])
def test_images_share_a_quarter_of_the_free_memory(monkeypatch, free, fits):
    memory = Memory(available_bytes=free)
    monkeypatch.setattr("cnnxfer.hardware.processor.find_memory", lambda: memory)
    budget = SharedBudget()
    for _ in range(fits):
        budget.wait(200 * 2**20)
    assert not budget._fits(200 * 2**20)


def test_only_large_images_are_counted_and_errors_end_it(monkeypatch):
    budget = Watched(10**9)
    monkeypatch.setattr("cnnxfer.data.images.memory.budget", budget)
    content = encoded(Image.new("RGB", (5000, 4000)), compress_level=1)
    decode(content)
    assert budget.let_in == [needed_bytes(open_image(content), (5000, 4000))]
    assert budget._counted_bytes == 0
    with pytest.raises(DataError, match="truncated"):
        decode(content[:-2000])
    assert budget._counted_bytes == 0
    with counted(1000):
        assert len(budget.let_in) == 2


GIF = encoded(
    Image.new("RGB", (8, 8)),
    "GIF",
    save_all=True,
    append_images=[Image.new("RGB", (8, 8), "red")],
)


def _short(*args, **kwargs):
    raise MemoryError


@pytest.mark.parametrize(
    ("patched", "use"),
    [
        ("PIL.Image.open", open_image),
        ("PIL.GifImagePlugin.GifImageFile.is_animated", lambda c: _animated(c)),
        ("PIL.GifImagePlugin.GifImageFile.seek", lambda c: seek(open_image(c), 1)),
        ("PIL.Image.Image.getexif", lambda c: orientation(open_image(c))),
        ("PIL.ImageFile.ImageFile.load", decode),
        ("PIL.Image.Image.convert", decode),
    ],
)
def test_a_lack_of_memory_is_not_taken_for_a_fault_of_the_image(
    monkeypatch, patched, use
):
    replaced = property(_short) if patched.endswith("is_animated") else _short
    monkeypatch.setattr(patched, replaced)
    with pytest.raises(PassingError, match=r"^too little memory"):
        use(GIF)


def _animated(content: bytes) -> bool:
    return is_animated(open_image(content))


def test_a_library_that_hides_a_lack_of_memory_is_seen_through(monkeypatch):
    cut = encoded(Image.new("RGB", (64, 64)))[:-30]
    with pytest.raises(DataError, match=r"^truncated PNG$"):
        decode(cut)
    monkeypatch.setattr(module, "_has_memory", lambda size_bytes: False)
    with pytest.raises(PassingError, match=r"^too little memory for a PNG$"):
        decode(cut)


def test_a_missing_library_is_not_a_fault_of_the_image(monkeypatch):
    content = encoded(Image.new("RGB", (8, 8)), "WEBP")
    monkeypatch.setattr("PIL.WebPImagePlugin.SUPPORTED", False)
    with pytest.raises(PassingError, match=r"^the installed Pillow cannot decode WebP"):
        open_image(content)
