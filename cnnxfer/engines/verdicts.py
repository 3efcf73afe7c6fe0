"""Records of trials, kept beside the converted network."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cnnxfer.engines.agreement import VERSION, Verdict
from cnnxfer.files import read_sealed, write_sealed
from cnnxfer.hardware.processor import find_processor


@dataclass(frozen=True)
class Record:
    """What came of a trial.

    Attributes:
        pictures: on how many the verdict rests; what was made of them doesn't count.
        batch_size: how many pictures the engine takes at once when it is fastest; None
            where it has not passed.
    """

    verdict: Verdict
    pictures: int
    batch_size: int | None = None


def kept_record(directory: Path, precision: str) -> Record | None:
    """Returns what was found on this processor; None if there is no sound record.

    Args:
        directory: of the converted network.
        precision: "float32" or "bfloat16".
    """
    kept = read_sealed(_path(directory, precision))
    return kept and Record(**{**kept, "verdict": Verdict(**kept["verdict"])})


def keep_record(directory: Path, precision: str, record: Record) -> None:
    """Keeps it for the next time, if the cache can be written."""
    with suppress(OSError):
        write_sealed(_path(directory, precision), asdict(record))


def _path(directory: Path, precision: str) -> Path:
    # Another processor may have other units for the same numbers.
    processor = find_processor()
    parts = [str(VERSION), precision, str(processor.model), str(processor.features)]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return directory / f"verdict-{name}.json"
