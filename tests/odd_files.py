"""Image files of all formats and faults, and what a person sees in each.

Most show the flag: red and green above, blue and yellow below. Formats that no library
here writes are written by hand, from their specifications.
"""

import io
import os
import signal
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, features

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)
CYAN, MAGENTA = (0, 255, 255), (255, 0, 255)
COLOURS = [RED, GREEN, BLUE, YELLOW, WHITE, BLACK]
FLAG = (RED, GREEN, BLUE, YELLOW)
GREYS = ((0,) * 3, (85,) * 3, (170,) * 3, (255,) * 3)
SIZE = (48, 32)  # of the flag: not a square, so that a turn shows

# EXIF orientation -> how the flag is stored: the opposite of what brings it upright.
TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}

# Pictures of these sizes are trouble for `look`.
CRASHES, ABORTS, HANGS = (13, 3), (13, 5), (13, 7)


def look(picture) -> np.ndarray:
    """Returns the colours of the four quarters, uint8 (4, 3), row by row."""
    if (picture.width, picture.height) == CRASHES:
        os.kill(os.getpid(), signal.SIGSEGV)
    if (picture.width, picture.height) == ABORTS:
        os.abort()
    if (picture.width, picture.height) == HANGS:
        time.sleep(600)
    small = picture.view((0, 0, picture.width, picture.height), 8)
    return small[[1, 1, 6, 6], [1, 6, 1, 6]]


@dataclass(frozen=True)
class Shown:
    """What is seen: the colours of the four quarters, and the size."""

    quarters: tuple = FLAG
    size: tuple[int, int] = SIZE
    tolerance: int = 0


Outcome = Shown | str  # a reason


@dataclass(frozen=True)
class OddFile:
    """A file, and what becomes of it.

    Attributes:
        name: in its folder; surrogates stand for bytes that are not UTF-8.
        make: writes it to a path, or returns its bytes.
        outcome: of the first frame, or of the only one.
        frames: of each where all are asked for; empty for a file that has one.
        skip: why it cannot be tried here.
    """

    name: str
    make: Callable[[Path], bytes | None]
    outcome: Outcome
    frames: tuple[Outcome, ...] = ()
    skip: str = field(default="", compare=False)


def quartered(colours=FLAG, size=SIZE) -> np.ndarray:
    """Returns an array (height, width, ...) of four quarters."""
    width, height = size
    values = np.array(colours)
    down, across = np.mgrid[:height, :width]
    return values[2 * (down >= height // 2) + (across >= width // 2)]


def flag(size=SIZE) -> Image.Image:
    return Image.fromarray(quartered(FLAG, size).astype(np.uint8))


def plain(colour, size=SIZE) -> Image.Image:
    return Image.new("RGB", size, colour)


def encode(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def turned(form: str, orientation: int, **options) -> bytes:
    """The flag, stored so that EXIF's orientation brings it upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(flag().transpose(TURNED[orientation]), form, exif=exif, **options)


# JPEG


def ycck_jpeg() -> bytes:
    """Adobe's YCCK: inverted CMYK, of which CMY was taken for RGB and made YCbCr."""
    cyan, magenta, yellow, black = flag().convert("CMYK").split()
    ycc = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr")
    # Pillow inverts all that it writes as CMYK, and calls it untransformed.
    planes = [ImageOps.invert(plane) for plane in ycc.split()]
    content = encode(
        Image.merge("CMYK", (*planes, black)), "JPEG", quality=95, subsampling=0
    )
    marker = content.index(b"Adobe")
    return content[: marker + 11] + b"\x02" + content[marker + 12 :]


def claiming(content: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header claims another size."""
    start = content.index(b"\xff\xc0") + 5
    return content[:start] + struct.pack(">HH", height, width) + content[start + 4 :]


# PNG


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def png(
    size: tuple[int, int],
    bits: int,
    colour_type: int,
    rows: bytes,
    *,
    before: bytes = b"",
    interlaced: int = 0,
) -> bytes:
    header = struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def png_rows(values: np.ndarray) -> bytes:
    """Unfiltered rows, 16 bits in PNG's order."""
    values = values.astype(">u2") if values.dtype.itemsize > 1 else values
    return b"".join(b"\0" + row.tobytes() for row in values)


def png16(colours, colour_type: int, before: bytes = b"") -> bytes:
    values = quartered(colours).astype(np.uint16)
    return png(SIZE, 16, colour_type, png_rows(values), before=before)


def interlaced_png() -> bytes:
    """Adam7: seven passes, each with its own start and step across and down."""
    values = quartered().astype(np.uint8)
    passes = [
        *((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4)),
        *((0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)),
    ]
    rows = b"".join(png_rows(values[y::dy, x::dx]) for x, dx, y, dy in passes)
    return png(SIZE, 8, 2, rows, interlaced=1)


def bit_png(bits: int, levels) -> bytes:
    values = quartered(levels).astype(np.uint8)
    unpacked = np.unpackbits(values[..., None], axis=-1)[..., -bits:]
    rows = np.packbits(unpacked.reshape(len(values), -1), axis=-1)
    return png(SIZE, bits, 0, png_rows(rows))


def bomb(kind: bytes) -> bytes:
    """A PNG with a chunk of 64 MB, packed into 64 kB."""
    text = zlib.compress(bytes(64 * 2**20))
    rows = png_rows(quartered().astype(np.uint8))
    return png(SIZE, 8, 2, rows, before=chunk(kind, b"name\0\0" + text))


# GIF


def gif(*frames: bytes, size=SIZE) -> bytes:
    """A canvas with a palette of 128 colours, the first of which are `COLOUR_STYLE`."""
    palette = bytes(np.array(COLOURS, np.uint8)).ljust(3 * 128, b"\0")
    screen = struct.pack("<HHBBB", *size, 0b1_111_0_110, 0, 0)
    return b"GIF89a" + screen + palette + b"".join(frames) + b";"


def gif_frame(
    indices: np.ndarray, at=(0, 0), *, disposal=0, clear: int | None = None
) -> bytes:
    """A frame, its codes not compressed: each a byte, the table cleared in time."""
    flags = disposal << 2 | (clear is not None)
    control = b"!\xf9\x04" + struct.pack("<BHBB", flags, 10, clear or 0, 0)
    height, width = indices.shape
    descriptor = b"," + struct.pack("<HHHHB", *at, width, height, 0)
    pixels = indices.astype(np.uint8).tobytes()
    codes = b"".join(
        b"\x80" + pixels[start : start + 100] for start in range(0, len(pixels), 100)
    )
    codes += b"\x81"
    blocks = [codes[start : start + 255] for start in range(0, len(codes), 255)]
    data = b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return control + descriptor + b"\x07" + data


def disposed_gif(disposal: int) -> bytes:
    """The flag; white over its first quarter, disposed of; a clear point."""
    quarter = np.full((16, 24), 5)
    return gif(
        gif_frame(quartered(range(4)), disposal=1),
        gif_frame(quarter, disposal=disposal, clear=9),
        gif_frame(np.full((1, 1), 9), clear=9),
    )


# BMP


def bmp(bits: int, data: bytes, *, palette: bytes = b"", height=SIZE[1], packed=0):
    offset = 54 + len(palette)
    header = struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset)
    info = struct.pack(
        "<IiiHHIIiiII",
        *(40, SIZE[0], height, 1, bits, packed, len(data), 0, 0),
        *(len(palette) // 4, 0),
    )
    return header + info + palette + data


BMP_PALETTE = b"".join(bytes([*colour[::-1], 0]) for colour in COLOURS)


def rle_bmp() -> bytes:
    """Runs of a colour, from the lowest row up."""
    half = SIZE[0] // 2
    below = bytes([half, 2, half, 3, 0, 0])
    above = bytes([half, 0, half, 1, 0, 0])
    data = below * (SIZE[1] // 2) + above * (SIZE[1] // 2) + b"\0\1"
    return bmp(8, data, palette=BMP_PALETTE, packed=1)


def bmp16() -> bytes:
    """Five bits a colour."""
    values = quartered() >> 3
    words = values[..., 0] << 10 | values[..., 1] << 5 | values[..., 2]
    return bmp(16, words[::-1].astype("<u2").tobytes())


def bmp4() -> bytes:
    values = quartered(range(4))[::-1].astype(np.uint8)
    data = (values[:, ::2] << 4 | values[:, 1::2]).tobytes()
    return bmp(4, data, palette=BMP_PALETTE)


# WebP


def huge_webp() -> bytes:
    """A header that claims a canvas of 65,000 x 65,000, and nothing behind it."""
    size = (64_999).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(body)) + body


# TIFF


def tiff(
    pixels: np.ndarray,
    *,
    order: str = "<",
    photometric: int = 2,
    sample_format: int = 1,
    tile: int = 0,
    claims: tuple[int, int] | None = None,
    loop: bool = False,
) -> bytes:
    """One page, not compressed, in strips or in tiles.

    Args:
        pixels: (height, width) or (height, width, samples).
        order: "<" or ">".
        photometric: 0 white is zero, 1 black is zero, 2 RGB.
        sample_format: 1 unsigned, 2 signed, 3 float.
        tile: side of the tiles; 0 for one strip.
        claims: width and height in the header.
        loop: whether the page names itself as the next.
    """
    height, width = pixels.shape[:2]
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    pixels = pixels.astype(pixels.dtype.newbyteorder(order)).reshape(height, width, -1)
    parts = [pixels.tobytes()]
    if tile:
        padded = np.pad(pixels, ((0, -height % tile), (0, -width % tile), (0, 0)))
        parts = [
            padded[y : y + tile, x : x + tile].tobytes()
            for y in range(0, height, tile)
            for x in range(0, width, tile)
        ]
    starts = [8 + sum(map(len, parts[:index])) for index in range(len(parts))]
    sizes = [len(part) for part in parts]
    places = {273: starts, 278: [height], 279: sizes}
    if tile:
        places = {322: [tile], 323: [tile], 324: starts, 325: sizes}
    shown = claims or (width, height)
    tags = {
        **{256: [shown[0]], 257: [shown[1]], 258: [8 * pixels.itemsize] * samples},
        **{
            259: [1],
            262: [photometric],
            277: [samples],
            339: [sample_format] * samples,
        },
        **places,
    }
    start = 8 + sum(sizes)
    extra_start = start + 2 + 12 * len(tags) + 4
    entries, extra = b"", b""
    for tag, values in sorted(tags.items()):
        short = tag in (258, 259, 262, 277, 339)
        data = struct.pack(f"{order}{len(values)}{'H' if short else 'I'}", *values)
        if len(data) > 4:
            place = struct.pack(f"{order}I", extra_start + len(extra))
            extra += data
        else:
            place = data.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, 3 if short else 4, len(values))
        entries += place
    header = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, start)
    following = struct.pack(f"{order}I", start if loop else 0)
    count = struct.pack(f"{order}H", len(tags))
    return header + b"".join(parts) + count + entries + following + extra


def values(levels, dtype) -> np.ndarray:
    return quartered(levels).astype(dtype)


RGB8 = quartered().astype(np.uint8)
SIXTEEN = [level * 257 for level in (0, 85, 170, 255)]


# AVIF and HEIC


def heic_header() -> bytes:
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


def heic(orientation: int = 1) -> bytes:
    """The flag, with the rotation box that belongs to an orientation."""
    from pillow_heif import register_heif_opener

    register_heif_opener()
    image = flag() if orientation == 1 else flag().transpose(TURNED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.info["exif"] = exif.tobytes()
    return encode(image, "HEIF", quality=90)


# All of them


def of(content: bytes | Callable[[], bytes]) -> Callable[[Path], bytes]:
    return lambda path: content() if callable(content) else content


def odd_files() -> Iterator[OddFile]:
    yield from jpegs()
    yield from pngs()
    yield from gifs()
    yield from bmps()
    yield from webps()
    yield from tiffs()
    yield from pnms()
    yield from jpeg2000s()
    yield from tgas()
    yield from avifs_and_heics()
    yield from no_images()
    yield from odd_places()
    yield from odd_names()


def jpegs() -> Iterator[OddFile]:
    near = Shown(tolerance=6)
    sound = encode(flag(), "JPEG", quality=95, subsampling=0)

    def jpeg(name: str, content, outcome: Outcome = near) -> OddFile:
        return OddFile(f"jpeg {name}.jpg", of(content), outcome)

    def saved(image: Image.Image, **options) -> bytes:
        return encode(image, "JPEG", **{"quality": 95, "subsampling": 0, **options})

    yield jpeg("plain", sound)
    yield jpeg("progressive", saved(flag(), progressive=True))
    yield jpeg("of half the colours", saved(flag(), subsampling=2))
    grey = tuple((round(np.dot(c, (0.299, 0.587, 0.114))),) * 3 for c in FLAG)
    yield jpeg("grey", saved(flag().convert("L")), Shown(grey, tolerance=6))
    yield jpeg("cmyk", saved(flag().convert("CMYK")))
    yield jpeg("ycck", ycck_jpeg)
    for orientation in range(2, 9):
        content = turned("JPEG", orientation, quality=95, subsampling=0)
        yield jpeg(f"turned {orientation}", content)
    yield jpeg("broken exif", saved(flag(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    stream = io.BytesIO()
    flag().save(stream, "MPO", save_all=True, append_images=[plain(BLACK)], quality=95)
    yield jpeg("with a map of depths", stream.getvalue(), Shown(tolerance=40))
    yield jpeg("with more behind it", sound + b"more" * 1000)
    yield jpeg("half", sound[: len(sound) // 2], "truncated JPEG")
    large = saved(plain(RED, (200, 200)))
    yield jpeg("half a header", large[:100], "truncated JPEG")
    yield jpeg("three bytes", large[:3], "corrupt or unusual JPEG")
    yield jpeg("of 4 gigapixels", claiming(sound, 65_000, 65_000), too_large(200))


def too_large(megapixels: int) -> str:
    return f"over {megapixels} megapixels, the limit"


def pngs() -> Iterator[OddFile]:
    sound = encode(flag(), "PNG")

    def one(name: str, content, outcome: Outcome = Shown()) -> OddFile:
        return OddFile(f"png {name}.png", of(content), outcome)

    yield one("plain", sound)
    yield one("palette", encode(flag().quantize(8), "PNG"), Shown(tolerance=2))
    indexed = Image.fromarray(quartered(range(4)).astype(np.uint8)).convert("P")
    indexed.putpalette(bytes(np.array(COLOURS, np.uint8)))
    over_white = Shown((WHITE, GREEN, BLUE, YELLOW))
    yield one("clear entry", encode(indexed, "PNG", transparency=0), over_white)
    half = Shown(((255, 127, 127), GREEN, BLUE, YELLOW), tolerance=1)
    yield one(
        "half clear entry",
        encode(indexed, "PNG", transparency=bytes([128, 255, 255, 255])),
        half,
    )
    alpha = [(*RED, 128), (*GREEN, 255), (*BLUE, 255), (*YELLOW, 255)]
    yield one("alpha", png(SIZE, 8, 6, png_rows(quartered(alpha).astype("u1"))), half)
    grey_alpha = [(0, 255), (85, 255), (77, 0), (255, 255)]
    yield one(
        "grey and alpha",
        png(SIZE, 8, 4, png_rows(quartered(grey_alpha).astype("u1"))),
        Shown((BLACK, (85,) * 3, WHITE, WHITE)),
    )
    yield one("16 bit grey", png16(SIXTEEN, 0), Shown(GREYS))
    yield one(
        "16 bit grey, clear",
        png16(SIXTEEN, 0, chunk(b"tRNS", struct.pack(">H", SIXTEEN[1]))),
        Shown((GREYS[0], WHITE, *GREYS[2:])),
    )
    colours = [tuple(257 * level for level in colour) for colour in FLAG]
    yield one("16 bit", png16(colours, 2))
    clear = [(*colour, 65535) for colour in colours]
    clear[0] = (*clear[0][:3], 32896)
    yield one("16 bit alpha", png16(clear, 6), half)
    yield one("1 bit", bit_png(1, (0, 1, 1, 0)), Shown((BLACK, WHITE, WHITE, BLACK)))
    yield one("2 bit", bit_png(2, range(4)), Shown(GREYS))
    yield one("4 bit", bit_png(4, (0, 5, 10, 15)), Shown(GREYS))
    yield one("interlaced", interlaced_png)
    yield one("turned", turned("PNG", 6))
    animation = encode(flag(), "PNG", save_all=True, append_images=[plain(BLUE)])
    frames = (Shown(), Shown((BLUE,) * 4))
    yield OddFile("png animated.png", of(animation), Shown(), frames)
    yield one("text bomb", lambda: bomb(b"zTXt"), "decompression bomb: PNG")
    yield one("profile bomb", lambda: bomb(b"iCCP"), "decompression bomb: PNG")
    yield one("cut", sound[:-30], "truncated PNG")
    yield one("half a header", sound[:20], "truncated PNG")
    yield one("signature", sound[:8], "corrupt or unusual PNG")
    yield one("900 megapixels", png((30_000, 30_000), 8, 2, bytes(99)), too_large(200))
    yield one("no pixels", png((0, 0), 8, 2, b""), "corrupt or unusual PNG")


def gifs() -> Iterator[OddFile]:
    def one(name: str, content, outcome: Outcome = Shown(), *frames) -> OddFile:
        return OddFile(f"gif {name}.gif", of(content), outcome, frames)

    whole = gif_frame(quartered(range(4)))
    yield one("plain", gif(whole))
    yield one("saved", encode(flag(), "GIF"))
    yield one("interlaced", encode(flag(), "GIF", interlace=1))
    clear = gif_frame(quartered(range(4)), clear=1)
    yield one("clear", gif(clear), Shown((RED, WHITE, BLUE, YELLOW)))
    black = Shown((BLACK, *FLAG[1:]))
    yield one("kept", disposed_gif(1), Shown(), Shown(), black, black)
    cleared = Shown((WHITE, *FLAG[1:]))
    yield one("cleared", disposed_gif(2), Shown(), Shown(), black, cleared)
    yield one("restored", disposed_gif(3), Shown(), Shown(), black, Shown())
    cut = disposed_gif(1)
    yield one(
        "cut in its second frame",
        cut[: len(gif(whole)) + 100],
        Shown(),
        Shown(),
        "truncated GIF",
    )
    point = gif_frame(np.full((1, 1), 9), clear=9)
    many = (*[Shown()] * 1000, "over 1,000 frames, the limit")
    yield one("of 1,002 frames", gif(whole, *[point] * 1001), Shown(), *many)
    wide = bytearray(gif(whole, whole))
    place = wide.index(b",\0\0\0\0")
    wide[place + 5 : place + 9] = struct.pack("<HH", 65_000, 65_000)
    yield one("with a frame of 4 gigapixels", bytes(wide), too_large(200))
    second = bytearray(gif(whole, whole))
    place = second.rindex(b",\0\0\0\0")
    second[place + 5 : place + 9] = struct.pack("<HH", 65_000, 65_000)
    yield one("with such a second one", bytes(second), Shown(), Shown(), too_large(200))
    yield one("cut", gif(whole)[:600], "truncated GIF")
    yield one("header", gif(whole)[:13], "corrupt or unusual GIF")


def bmps() -> Iterator[OddFile]:
    def one(name: str, content, outcome: Outcome = Shown()) -> OddFile:
        return OddFile(f"bmp {name}.bmp", of(content), outcome)

    sound = encode(flag(), "BMP")
    yield one("24 bit", sound)
    two = quartered((0, 255, 255, 0)).astype(np.uint8)
    two_colours = Shown((BLACK, WHITE, WHITE, BLACK))
    yield one("1 bit", encode(Image.fromarray(two).convert("1"), "BMP"), two_colours)
    yield one("4 bit", bmp4())
    eight = quartered(range(4))[::-1].astype(np.uint8).tobytes()
    yield one("8 bit", bmp(8, eight, palette=BMP_PALETTE))
    yield one("8 bit in runs", rle_bmp())
    yield one("16 bit", bmp16())
    blue_first = np.pad(quartered()[..., ::-1], ((0, 0), (0, 0), (0, 1)))
    data = blue_first[::-1].astype(np.uint8).tobytes()
    yield one("32 bit", bmp(32, data))
    downwards = quartered()[..., ::-1].astype(np.uint8).tobytes()
    yield one("from above", bmp(24, downwards, height=-SIZE[1]))
    yield one("cut", sound[:-40], "truncated BMP")
    yield one("header", sound[:20], "truncated BMP")


def webps() -> Iterator[OddFile]:
    def one(name: str, content, outcome: Outcome, *frames) -> OddFile:
        return OddFile(f"webp {name}.webp", of(content), outcome, frames)

    lossy = encode(flag(), "WEBP", quality=95)
    yield one("lossy", lossy, Shown(tolerance=45))
    yield one("lossless", encode(flag(), "WEBP", lossless=True), Shown())
    alpha = [(*RED, 0), (*GREEN, 255), (*BLUE, 255), (*YELLOW, 255)]
    clear = Image.fromarray(quartered(alpha).astype(np.uint8))
    over_white = Shown((WHITE, *FLAG[1:]))
    yield one("alpha", encode(clear, "WEBP", lossless=True), over_white)
    yield one("turned", turned("WEBP", 8, lossless=True), Shown())
    options = {"save_all": True, "append_images": [plain(BLUE), plain(RED)]}
    animation = encode(flag(), "WEBP", lossless=True, **options)
    frames = (Shown(), Shown((BLUE,) * 4), Shown((RED,) * 4))
    yield one("animated", animation, Shown(), *frames)
    yield one("cut", lossy[:-40], "corrupt WebP: could not create decoder object")
    yield one("header", lossy[:16], "corrupt WebP: could not create decoder object")
    yield one("of 4 gigapixels", huge_webp(), too_large(200))


def tiffs() -> Iterator[OddFile]:
    def one(name: str, content, outcome: Outcome = Shown(), *frames) -> OddFile:
        return OddFile(f"tiff {name}.tif", of(content), outcome, frames)

    def saved(name: str, image=None, outcome: Outcome = Shown(), **options) -> OddFile:
        return one(name, encode(image or flag(), "TIFF", **options), outcome)

    yield one("plain", tiff(RGB8))
    yield one("big-endian", tiff(RGB8, order=">"))
    yield one("in tiles", tiff(RGB8, tile=16))
    yield saved("lzw", compression="tiff_lzw")
    yield saved("deflate", compression="tiff_adobe_deflate")
    yield saved("packbits", compression="packbits")
    large = flag((96, 64))
    jpeg = Shown(size=(96, 64), tolerance=10)
    yield saved("jpeg", large, jpeg, compression="jpeg", quality=95)
    two = Image.fromarray(quartered((0, 255, 255, 0)).astype(np.uint8)).convert("1")
    two_colours = Shown((BLACK, WHITE, WHITE, BLACK))
    yield saved("fax", two, two_colours, compression="group4")
    yield saved("cmyk", flag().convert("CMYK"))
    alpha = [(*RED, 0), (*GREEN, 255), (*BLUE, 255), (*YELLOW, 255)]
    clear = Image.fromarray(quartered(alpha).astype(np.uint8))
    yield saved("alpha", clear, Shown((WHITE, *FLAG[1:])))
    yield saved("palette", flag().quantize(8), Shown(tolerance=2))
    turned_tiff = encode(
        flag().transpose(Image.Transpose.ROTATE_90), "TIFF", tiffinfo={274: 6}
    )
    yield one("turned", turned_tiff)
    pages = {"save_all": True, "append_images": [plain(BLUE), plain(RED)]}
    several = encode(flag(), "TIFF", **pages)
    frames = (Shown(), Shown((BLUE,) * 4), Shown((RED,) * 4))
    yield one("of three pages", several, Shown(), *frames)
    yield one("whose page is its own next", tiff(RGB8, loop=True))

    sixteen = values(SIXTEEN, np.uint16)
    greys = Shown(GREYS)
    yield one("16 bit grey", tiff(sixteen, photometric=1), greys)
    yield one("16 bit grey, big", tiff(sixteen, photometric=1, order=">"), greys)
    negative = tiff(65535 - sixteen, photometric=0)
    yield one("16 bit grey, white is zero", negative, greys)
    colours = [tuple(257 * level for level in colour) for colour in FLAG]
    yield one("16 bit", tiff(values(colours, np.uint16)))
    for name, levels in {
        "fractions": (0, 1 / 3, 2 / 3, 1),
        "levels": (0, 85, 170, 255),
        "sixteen bits": SIXTEEN,
        "measurements": (-60, -20, 20, 60),
    }.items():
        content = tiff(values(levels, "f4"), photometric=1, sample_format=3)
        yield one(f"float, {name}", content, greys)
    holes = values((0, 1, np.nan, np.inf), "f4")
    content = tiff(holes, photometric=1, sample_format=3)
    yield one("float with holes", content, Shown((BLACK, WHITE, BLACK, WHITE)))
    content = tiff(
        values((-3000, -1000, 1000, 3000), "i4"), photometric=1, sample_format=2
    )
    yield one("signed 32 bit", content, greys)
    for name, levels in {"levels": (0, 85, 170, 255), "sixteen bits": SIXTEEN}.items():
        content = tiff(values(levels, "i4"), photometric=1, sample_format=2)
        yield one(f"32 bit, {name}", content, greys)
    content = tiff(values(colours, "f4"), sample_format=3)
    yield one("float colours", content, "corrupt or unusual TIFF")
    lzw = encode(large, "TIFF", compression="tiff_lzw")
    yield one("without its end", tiff(RGB8)[:2000], "corrupt or unusual TIFF")
    yield one("header", lzw[:8], "corrupt or unusual TIFF")
    nothing = tiff(RGB8[:1, :1], claims=(100_000, 100_000))
    yield one("of 10 gigapixels", nothing, too_large(200))
    little = tiff(RGB8[:1, :1], claims=(2000, 2000))
    yield one("of less than it claims", little, "truncated TIFF")


def pnms() -> Iterator[OddFile]:
    def one(name: str, content, outcome: Outcome = Shown()) -> OddFile:
        return OddFile(f"pnm {name}", of(content), outcome)

    def binary(kind: int, greatest: int, levels) -> bytes:
        stored = values(levels, ">u2" if greatest > 255 else "u1")
        return b"P%d %d %d %d\n" % (kind, *SIZE, greatest) + stored.tobytes()

    def plain(kind: int, greatest: int, levels) -> bytes:
        numbers = b" ".join(b"%d" % value for value in values(levels, int).ravel())
        return b"P%d\n# by hand\n%d %d %d\n" % (kind, *SIZE, greatest) + numbers

    greys = Shown(GREYS)
    two_colours = Shown((BLACK, WHITE, WHITE, BLACK))
    two = Image.fromarray(quartered((0, 255, 255, 0)).astype(np.uint8)).convert("1")
    sound = encode(flag(), "PPM")
    yield one("colours.ppm", sound)
    yield one("plain colours.ppm", plain(3, 255, FLAG))
    sixteen = [tuple(257 * level for level in colour) for colour in FLAG]
    yield one("16 bit colours.ppm", binary(6, 65535, sixteen))
    yield one("colours of 5 levels.pnm", binary(6, 4, np.array(FLAG) * 4 // 255))
    yield one("grey.pgm", binary(5, 255, (0, 85, 170, 255)), greys)
    yield one("plain grey.pgm", plain(2, 15, (0, 5, 10, 15)), greys)
    yield one("16 bit grey.pgm", binary(5, 65535, SIXTEEN), greys)
    yield one("12 bit grey.pgm", binary(5, 4095, (0, 1365, 2730, 4095)), greys)
    # 8 bits in 16 are black to a person, who sees what the file says.
    dark = Shown((BLACK, BLACK, (1, 1, 1), (1, 1, 1)))
    yield one("dark.pgm", binary(5, 65535, (0, 85, 170, 255)), dark)
    yield one("two colours.pbm", encode(two, "PPM"), two_colours)
    fractions = Image.fromarray(values((0, 1 / 3, 2 / 3, 1), np.float32))
    yield one("fractions.pfm", encode(fractions, "PPM"), greys)
    yield one("cut.ppm", sound[:-1000], "truncated PNM")
    yield one("12 bit cut.pgm", binary(5, 4095, (0, 1, 2, 3))[:-9], "truncated PNM")
    yield one("plain cut.ppm", plain(3, 255, FLAG)[:-9], "truncated PNM")
    claims = b"P6 %d %d 255\n"
    yield one("huge.ppm", claims % (10**9, 10**9), too_large(200))
    yield one("of 200 megapixels.ppm", claims % (20_000, 10_000), "truncated PNM")
    reason = "corrupt PNM: invalid literal for int() with base 10: b'report'"
    yield one("text.pbm", b"P1 report", reason)


def jpeg2000s() -> Iterator[OddFile]:
    def one(name: str, content, outcome: Outcome = Shown()) -> OddFile:
        return OddFile(f"jpeg2000 {name}", of(content), outcome)

    sound = encode(flag(), "JPEG2000")
    yield one("plain.jp2", sound)
    codestream = encode(flag(), "JPEG2000", no_jp2=True)
    yield one("codestream.j2k", codestream)
    tiles = encode(flag(), "JPEG2000", tile_size=(16, 16))
    yield one("tiles.jp2", tiles)
    greys = Shown(GREYS)
    sixteen = Image.fromarray(values(SIXTEEN, np.uint16))
    yield one("16 bit grey.jp2", encode(sixteen, "JPEG2000"), greys)
    alpha = [(*RED, 0), (*GREEN, 255), (*BLUE, 255), (*YELLOW, 255)]
    clear = Image.fromarray(quartered(alpha).astype(np.uint8))
    over_white = Shown((WHITE, *FLAG[1:]))
    yield one("alpha.jp2", encode(clear, "JPEG2000"), over_white)
    broken = "corrupt JPEG 2000: broken data stream when reading image file"
    yield one("cut.jp2", sound[:-60], broken)
    claim = struct.pack(">II", 10**9, 10**9)
    huge = codestream.replace(struct.pack(">II", *SIZE), claim, 1)
    yield one("huge.j2k", huge, too_large(200))


def tgas() -> Iterator[OddFile]:
    def one(name: str, content, outcome: Outcome = Shown()) -> OddFile:
        return OddFile(f"tga {name}.tga", of(content), outcome)

    sound = encode(flag(), "TGA")
    yield one("plain", sound)
    yield one("runs", encode(flag(), "TGA", compression="tga_rle"))
    yield one("from above", encode(flag(), "TGA", orientation=1))
    yield one("palette", encode(flag().quantize(8), "TGA"), Shown(tolerance=2))
    grey = Image.fromarray(values((0, 85, 170, 255), np.uint8))
    yield one("grey", encode(grey, "TGA"), Shown(GREYS))
    alpha = [(*RED, 0), (*GREEN, 255), (*BLUE, 255), (*YELLOW, 255)]
    clear = Image.fromarray(quartered(alpha).astype(np.uint8))
    yield one("alpha", encode(clear, "TGA"), Shown((WHITE, *FLAG[1:])))
    unused = flag()
    unused.putalpha(0)
    yield one("unused alpha", encode(unused, "TGA"))
    yield one("cut", sound[:-1000], "truncated TGA")
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 65535, 65535, 24, 0)
    yield one("huge", header, too_large(200))


def avifs_and_heics() -> Iterator[OddFile]:
    missing = "" if features.check("avif") else "this Pillow has no AVIF"
    near = Shown(tolerance=12)

    def one(name: str, make: Callable[[], bytes], outcome=near, *frames) -> OddFile:
        return OddFile(f"avif {name}.avif", of(make), outcome, frames, missing)

    def avif(image=None, **options) -> bytes:
        options = {"quality": 95, "subsampling": "4:4:4", **options}
        return encode(image or flag(), "AVIF", **options)

    alpha = [(*RED, 0), (*GREEN, 255), (*BLUE, 255), (*YELLOW, 255)]
    clear = Image.fromarray(quartered(alpha).astype(np.uint8))
    yield one("plain", avif)
    yield one("alpha", lambda: avif(clear), Shown((WHITE, *FLAG[1:]), tolerance=12))
    yield one("turned", lambda: turned("AVIF", 6, quality=95, subsampling="4:4:4"))
    frames = (near, Shown((BLUE,) * 4, tolerance=12))
    several = {"save_all": True, "append_images": [plain(BLUE)]}
    yield one("sequence", lambda: avif(**several), near, *frames)
    yield one("cut", lambda: avif()[:-60], "truncated AVIF")
    no_heif = "" if find_spec("pillow_heif") else "pillow-heif is not installed"
    yield OddFile("heic.heic", of(heic), Shown(tolerance=20), skip=no_heif)
    for turn in (3, 6):
        make = of(lambda turn=turn: heic(turn))
        yield OddFile(f"heic {turn}.heic", make, Shown(tolerance=20), skip=no_heif)
    yield OddFile(
        "heic header.heic",
        of(heic_header),
        "HEIC cannot be decoded; install cnnxfer[heif]",
        skip="" if no_heif else "pillow-heif is installed",
    )


def no_images() -> Iterator[OddFile]:
    supported = (
        "supported: JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF, HEIC, PNM, JPEG 2000, TGA"
    )
    for name, content, reason in (
        ("empty.jpg", b"", "empty file"),
        ("text.jpg", b"rose\n" * 100, "not an image"),
        ("zeros.png", bytes(10_000), "not an image"),
        ("noise.gif", np.random.default_rng(0).bytes(10_000), "not an image"),
        ("page.jpg", b"\n<!DOCTYPE html><html>404</html>", "not an image: HTML"),
        ("paper.png", b"%PDF-1.7\n", "not an image: PDF"),
        ("drawing.png", b"<svg xmlns='x'/>", f"SVG cannot be decoded; {supported}"),
        ("new.jxl", b"\xff\x0a" + bytes(99), f"JPEG XL cannot be decoded; {supported}"),
        ("icon.png", encode(flag(), "ICO"), f"ICO cannot be decoded; {supported}"),
        ("printed.jpg", b"%!PS-Adobe-3.0 EPSF", f"EPS cannot be decoded; {supported}"),
    ):
        yield OddFile(name, of(content), reason)
    png = encode(flag(), "PNG")
    for name in ("png.jpg", "png.tiff", "png.txt", "png"):
        yield OddFile(f"really a {name}", of(png), Shown())
    size = {"crash": CRASHES, "abort": ABORTS, "hang": HANGS}
    for kind, reason in (
        ("crash", "crashed the decoder (SIGSEGV)"),
        ("abort", "crashed the decoder (SIGABRT)"),
        ("hang", "took over 1 s to decode"),
    ):
        content = encode(flag(size[kind]), "PNG")
        yield OddFile(f"trouble, {kind}.png", of(content), reason)


def odd_places() -> Iterator[OddFile]:
    def locked(path: Path) -> None:
        path.write_bytes(encode(flag(), "PNG"))
        path.chmod(0)

    def linked(path: Path) -> None:
        target = path.with_name("target of a link")
        target.write_bytes(encode(flag(), "PNG"))
        path.symlink_to(target)

    def vast(path: Path) -> None:
        with path.open("wb") as stream:
            stream.truncate(600 * 2**20)  # takes no room

    root = "root may read it" if os.geteuid() == 0 else ""
    yield OddFile("locked.png", locked, "permission denied", skip=root)
    yield OddFile("folder.jpg", Path.mkdir, "not a file")
    yield OddFile("pipe.jpg", os.mkfifo, "not a file")
    yield OddFile("link.jpg", linked, Shown())
    missing = "no such file or directory"
    yield OddFile("dangling.jpg", lambda path: path.symlink_to("nowhere"), missing)
    loop = "too many levels of symbolic links"
    yield OddFile("loop.jpg", lambda path: path.symlink_to(path), loop)
    yield OddFile("missing.jpg", lambda path: None, missing)
    yield OddFile("missing/folder.jpg", lambda path: None, missing)
    yield OddFile("n" * 256, lambda path: None, "file name too long")
    limit = "too large: over 512 MiB, the limit"
    yield OddFile("vast.jpg", vast, limit)


def odd_names() -> Iterator[OddFile]:
    content = encode(flag(), "PNG")
    for name in (
        *("new\nline.png", " spaces  .png", "[brackets] {braces} *.png", "-dash.png"),
        *("'quotes' \"both\".png", "back\\slash.png", "tab\t and bell\a.png"),
        *("blåbær 花.png", "n" * 251 + ".png", os.fsdecode(b"not \xff\xfe UTF-8.png")),
    ):
        yield OddFile(name, of(content), Shown())
