"""Networks that OpenVINO cannot take, so that it isn't tried at each use."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cnnxfer.engines.converted import cached_at
from cnnxfer.files import read_sealed, write_sealed


def kept_refusal(key: str) -> str | None:
    """Returns why a network could not be converted; None if nobody has tried."""
    reason: str | None = read_sealed(_path(key))
    return reason


def keep_refusal(key: str, reason: str) -> None:
    """Keeps the reason for the next time, if the cache can be written."""
    with suppress(OSError):
        _path(key).parent.mkdir(parents=True, exist_ok=True)
        write_sealed(_path(key), reason)


def _path(key: str) -> Path:
    # It is what the backend makes of the layers that is converted. Who gets here has
    # imported Keras to do so; this module is imported by others as well.
    import keras

    return cached_at("refusal", keras.backend.backend(), key) / "refusal.json"
