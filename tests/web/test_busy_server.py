"""Servers that are busy, and say when to try again."""

from __future__ import annotations

import email.utils
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from web_server import CONTENT, Server

from cnnxfer import web
from cnnxfer.errors import DataError
from cnnxfer.web import Limits, open_url

LIMITS = Limits(100_000_000, 10.0, 60.0, allow_private=True)

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def fetch(url: str, limits: Limits = LIMITS) -> bytes:
    with open_url(url, limits) as (_, pieces):
        return b"".join(pieces)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(
    status: int, server: Server, waits: list[float]
) -> None:
    told: list[float] = []
    with open_url(server.url(f"busy/2/{status}/7"), LIMITS, told.append) as (_, pieces):
        assert b"".join(pieces) == CONTENT
    assert waits == told == [7, 7]
    assert len(server.requests) == 3


def test_the_time_to_try_again_may_be_a_date(
    server: Server, waits: list[float]
) -> None:
    then = datetime.now(UTC) + timedelta(seconds=20)
    date = quote(email.utils.format_datetime(then, usegmt=True))
    assert fetch(server.url(f"busy/1/503/{date}")) == CONTENT
    past = quote(email.utils.format_datetime(then - timedelta(days=1), usegmt=True))
    assert fetch(server.url(f"busy/1/503/{past}")) == CONTENT
    assert waits[0] == pytest.approx(20, abs=3)
    assert waits[1:] == [0]


def test_a_server_that_stays_busy_is_asked_four_times(
    server: Server, waits: list[float]
) -> None:
    with pytest.raises(DataError, match=r"^HTTP 429 Too Many Requests$"):
        fetch(server.url("busy/9/429/1"))
    assert waits == [1] * web.MAX_RETRIES
    assert len(server.requests) == 1 + web.MAX_RETRIES


@pytest.mark.parametrize(
    ("limits", "limit"),
    [(LIMITS, 60), (replace(LIMITS, total_seconds=30.5), 30)],
)
def test_a_wait_over_a_limit_is_told(
    limits: Limits, limit: int, server: Server, waits: list[float]
) -> None:
    with pytest.raises(
        DataError,
        match=r"^HTTP 503 Service Unavailable; the server asks to try again after "
        rf"3,600 seconds, over the limit of {limit}$",
    ):
        fetch(server.url("busy/9/503/3600"), limits)
    assert waits == []


@pytest.mark.parametrize("after", ["never", "", "-1", "1.5", "9" * 5000])
def test_without_a_time_to_try_again_the_answer_is_final(
    after: str, server: Server, waits: list[float]
) -> None:
    with pytest.raises(DataError, match=r"^HTTP 429 Too Many Requests$"):
        fetch(server.url(f"busy/1/429/{after}"))
    assert waits == []
