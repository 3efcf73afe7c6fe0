"""Cached reasons why networks cannot be converted, so that each is tried only once."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cnnxfer.engines.converted import cached_dir
from cnnxfer.files import read_json_with_hash, write_json_with_hash


def read_refusal(key: str) -> str | None:
    """Returns why a network could not be converted; None if no failure is recorded.

    Args:
        key: `Network.key` of the network.
    """
    reason: str | None = read_json_with_hash(_path(key))
    return reason


def save_refusal(key: str, reason: str) -> None:
    """Records why a network could not be converted, if the cache can be written."""
    with suppress(OSError):
        _path(key).parent.mkdir(parents=True, exist_ok=True)
        write_json_with_hash(_path(key), reason)


def _path(key: str) -> Path:
    # The conversion depends on the backend, so the reason is kept per backend. Keras is
    # imported here because this module is also imported where Keras is not needed.
    import keras

    return cached_dir("refusal", keras.backend.backend(), key) / "refusal.json"
