"""Tells when a busy server wants to be asked again."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPResponse

_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


def seconds_to_wait(response: HTTPResponse) -> float | None:
    """Returns how long to wait before asking again; None if the server doesn't say.

    The header Retry-After is a number of seconds, or a date, which is compared with the
    server's own clock if it tells that (RFC 9110, 10.2.3).
    """
    header = response.headers.get("Retry-After", "").strip()
    if response.status not in _BUSY:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header):
        return float(header)
    then = _date(header)
    if then is None:
        return None
    now = _date(response.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds())


def _date(header: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
