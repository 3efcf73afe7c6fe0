"""Answers that a server compresses, although nobody asked for that."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from web_server import CONTENT, Server

from cnnxfer.errors import DataError
from cnnxfer.web import Limits, open_url

LIMITS = Limits(100_000_000, 10.0, 60.0, allow_private=True)

pytestmark = pytest.mark.usefixtures("no_proxy")


def fetch(
    server: Server, encoding: str, packed: bytes, limits: Limits = LIMITS
) -> bytes:
    server.packed = packed
    with open_url(server.url(f"packed/{encoding}"), limits) as (total, pieces):
        assert total == (len(packed) if encoding == "identity" else None)
        return b"".join(pieces)


def raw_deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(CONTENT)),
        ("X-GZIP", gzip.compress(CONTENT)),
        ("gzip", gzip.compress(CONTENT[:9]) + gzip.compress(CONTENT[9:])),
        ("gzip", gzip.compress(CONTENT) + bytes(100_000)),
        ("deflate", zlib.compress(CONTENT)),
        ("deflate", raw_deflate(CONTENT)),
        ("identity", CONTENT),
    ],
    ids=["gzip", "x-gzip", "members", "padded", "zlib", "raw", "identity"],
)
def test_a_compressed_answer_is_unpacked(
    encoding: str, packed: bytes, server: Server
) -> None:
    assert fetch(server, encoding, packed) == CONTENT
    assert server.requests[0][1]["Accept-Encoding"] == "identity"  # not asked for


@pytest.mark.parametrize(
    ("encoding", "packed", "expected"),
    [
        (
            "gzip",
            gzip.compress(CONTENT)[:-9],
            "truncated download: the gzip has no end",
        ),
        (
            "gzip",
            gzip.compress(CONTENT)[:50],
            "truncated download: the gzip has no end",
        ),
        ("gzip", CONTENT, "damaged download: not gzip, as the server says"),
        ("deflate", CONTENT, "damaged download: not deflate, as the server says"),
        ("br", b"", "unknown compression: br; expected none, gzip or deflate"),
        (
            "gzip,br",
            b"",
            "unknown compression: several, or a strange one; expected none, gzip or "
            "deflate",
        ),
    ],
    ids=["cut", "halved", "no gzip", "no deflate", "unknown", "several"],
)
def test_a_wrong_encoding_is_the_reason(
    encoding: str, packed: bytes, expected: str, server: Server
) -> None:
    with pytest.raises(DataError) as caught:
        fetch(server, encoding, packed)
    assert str(caught.value) == expected


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_the_limit_of_size_holds_for_what_is_unpacked(
    encoding: str, server: Server
) -> None:
    zeros = bytes(50_000_000)
    packed = gzip.compress(zeros, 1) if encoding == "gzip" else zlib.compress(zeros, 1)
    del zeros
    tracemalloc.start()
    with pytest.raises(DataError, match=r"^too large: over 1\.0 MB, the limit$"):
        fetch(server, encoding, packed, replace(LIMITS, max_bytes=1_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
