"""Records of comparisons, kept beside the converted network."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from cnnxfer.files import json_text, write_text
from cnnxfer.machine.processor import find_processor
from cnnxfer.prediction.engines.agreement import VERSION, Verdict


def kept_verdict(directory: Path, precision: str) -> Verdict | None:
    """Returns the verdict on this processor; None if there is no sound record.

    Args:
        directory: of the converted network.
        precision: "float32" or "bfloat16".
    """
    try:
        record = json.loads(_path(directory, precision).read_bytes())
        passed, figures = record["passed"], record["figures"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    sound = isinstance(passed, bool) and isinstance(figures, str)
    return Verdict(passed, figures) if sound else None


def keep_verdict(directory: Path, precision: str, verdict: Verdict) -> None:
    """Keeps a verdict for the next time, if the cache can be written."""
    with suppress(OSError):
        write_text(_path(directory, precision), json_text(asdict(verdict)))


def _path(directory: Path, precision: str) -> Path:
    # Another processor may have other units for the same numbers.
    processor = find_processor()
    parts = [str(VERSION), precision, str(processor.model), str(processor.features)]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return directory / f"verdict-{name}.json"
