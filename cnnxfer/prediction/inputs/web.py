"""Reader of an image at a web address, which by default must be a public one."""

from collections.abc import Iterator
from functools import partial

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.data.images.source import ImageSource
from cnnxfer.web import Limits, open_url

MAX_BYTES = 100_000_000
IDLE_SECONDS = 10.0
TOTAL_SECONDS = 60.0


def check(item: str, options: InputOptions) -> None:
    """Accepts any address; one that cannot be read becomes an unreadable image."""


def walk(
    item: str, options: InputOptions, passed_over: PassedOver
) -> Iterator[ImageSource]:
    """Yields the image at the address."""
    limits = Limits(MAX_BYTES, IDLE_SECONDS, TOTAL_SECONDS, options.allow_private)
    yield ImageSource(item, partial(_fetch, item, limits), here=True)


def count(item: str, options: InputOptions) -> int:
    """Returns one."""
    return 1


def _fetch(url: str, limits: Limits) -> bytes:
    with open_url(url, limits) as (_, chunks):
        return b"".join(chunks)
