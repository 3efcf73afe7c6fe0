"""What is remembered of trials: records beside the network, and refusals.

It follows from the network, the processor and the releases alone. What a full disk or
memory prevented is not remembered, so that it is tried again.
"""

import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from cnnxfer.cache import own_directory, read_cached_json
from cnnxfer.engines.agreement import VERSION
from cnnxfer.engines.converted import cached_dir
from cnnxfer.errors import ConfigError
from cnnxfer.files import read_json_with_hash, write_json_with_hash
from cnnxfer.hardware.processor import find_processor
from cnnxfer.keras_backend import backend_name
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.agreement import Verdict


@dataclass(frozen=True)
class TrialRecord:
    """The result of a trial."""

    verdict: Verdict
    pictures: int  # how many real images were compared, without their variants
    batch_size: int | None = None  # the fastest; None if the engine has not passed


def read_record(directory: Path, precision: str) -> TrialRecord | None:
    """Returns the record of a trial on this processor; None if no valid one exists."""
    return read_json_with_hash(_record_path(directory, precision), TrialRecord)


def save_record(directory: Path, precision: str, record: TrialRecord) -> None:
    """Stores the record of a trial on this processor, if the cache can be written."""
    with suppress(OSError):
        write_json_with_hash(_record_path(directory, precision), asdict(record))


def _record_path(directory: Path, precision: str) -> Path:
    # Another processor may compute slightly different answers.
    processor = find_processor()
    parts = [str(VERSION), precision, str(processor.model), str(processor.features)]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return directory / f"verdict-{name}.json"


def read_refusal(key: str, reporter: Reporter) -> str | None:
    """Returns why OpenVINO does not support a network; None if nothing is recorded."""
    return read_cached_json(_refusal_path(key), str, reporter)


def save_refusal(key: str, reason: str) -> None:
    """Records why OpenVINO does not support a network, if the cache can be written."""
    with suppress(OSError, ConfigError):
        own_directory(_refusal_path(key).parent)
        write_json_with_hash(_refusal_path(key), reason)


def _refusal_path(key: str) -> Path:
    # What fails elsewhere is converted by the backend that Keras has here.
    return cached_dir("unsupported", backend_name(), key) / "refusal.json"
