"""Records of trials, stored beside the converted network."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cnnxfer.engines.agreement import VERSION
from cnnxfer.files import read_json_with_hash, write_json_with_hash
from cnnxfer.hardware.processor import find_processor
from cnnxfer.tasks.agreement import Verdict


@dataclass(frozen=True)
class Record:
    """The result of a trial.

    Attributes:
        verdict: the result of the comparison with Keras.
        pictures: the number of real images that were compared, without their variants.
        batch_size: the engine's fastest number of images per batch; None if the engine
            has not passed.
    """

    verdict: Verdict
    pictures: int
    batch_size: int | None = None


def read_record(directory: Path, precision: str) -> Record | None:
    """Returns the record of a trial on this processor; None if no valid one exists.

    Args:
        directory: the directory of the converted network.
        precision: the engine's precision, "float32" or "bfloat16".
    """
    fields = read_json_with_hash(_path(directory, precision))
    return fields and Record(**{**fields, "verdict": Verdict(**fields["verdict"])})


def save_record(directory: Path, precision: str, record: Record) -> None:
    """Stores the record of a trial on this processor, if the cache can be written."""
    with suppress(OSError):
        write_json_with_hash(_path(directory, precision), asdict(record))


def _path(directory: Path, precision: str) -> Path:
    # Another processor may compute slightly different answers.
    processor = find_processor()
    parts = [str(VERSION), precision, str(processor.model), str(processor.features)]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return directory / f"verdict-{name}.json"
