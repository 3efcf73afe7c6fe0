"""The options of a server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from cnnxfer.config.prediction import AnswerOptions
from cnnxfer.config.setting import setting

_access = partial(setting, group="Access")
_limit = partial(setting, group="Limits")


@dataclass(frozen=True)
class ServeOptions(AnswerOptions):
    """Where a server listens, whom it answers, and how much it takes at once."""

    port: int = setting(
        8501, "The port to listen on; 0 for any free one.", "--port", at_least=0,
        at_most=65535,
    )  # fmt: skip
    host: str = _access(
        "127.0.0.1",
        "The address to listen on; others than this machine's own need --token.",
        "--host",
    )
    token: str = _access(
        "",
        "What clients must send as `Authorization: Bearer TOKEN`. CNNXFER_TOKEN in the "
        "environment says it, too, and is seen by fewer.",
        "--token",
    )
    allow_private: bool = _access(
        False,
        "Fetch images from addresses in private networks, too.",
        "--allow-private",
    )
    queue: int = _limit(
        256,
        "How many images may wait; clients with more are told to come again.",
        "--queue",
        at_least=1,
    )
    most_images: int = _limit(
        64, "The most images of one request.", "--most-images", at_least=1
    )
    most_megabytes: int = _limit(
        32, "The largest body of a request, in megabytes.", "--most-megabytes",
        at_least=1,
    )  # fmt: skip
    max_pixels: int = _limit(
        50_000_000,
        "Do not decode images with more pixels than this.",
        "--max-pixels",
        at_least=1,
    )
