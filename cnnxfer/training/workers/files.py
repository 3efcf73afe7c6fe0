"""Copies files of the first worker to the others, which may see another disk."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from cnnxfer.errors import RunError
from cnnxfer.files import atomic_path, file_hash
from cnnxfer.records import from_json
from cnnxfer.training.workers.link import CHUNK_BYTES
from cnnxfer.training.workers.workers import Workers
from cnnxfer.trust import KEPT


def send_files(
    workers: Workers, order: Mapping[str, Any], files: Mapping[str, Path]
) -> None:
    """Sends all other workers an order, and files by the names that they get there."""
    listed = [
        [name, path.stat().st_size, file_hash(path)] for name, path in files.items()
    ]
    workers.agreed({**order, "files": listed})
    for path in files.values():
        with path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                for link in workers.links:
                    link.send_data(memoryview(data))


def receive_files(workers: Workers, directory: Path) -> dict[str, Any]:
    """Waits for an order of the first worker, and for the files that come with it.

    Raises:
        RunError: if a worker is lost, or a file is not as it was sent.
    """
    order = from_json(dict[str, Any], workers.agreed(None))
    for name, size, sha256 in order.get("files", []):
        place = PurePosixPath(name)
        assert not place.is_absolute()
        assert ".." not in place.parts
        path = directory / place
        path.parent.mkdir(parents=True, exist_ok=True)
        left = int(size)
        with path.open("wb") as file:
            while left > 0:
                data = workers.received_data()
                file.write(data)
                left -= len(data)
        if file_hash(path) != sha256:
            raise RunError(f"{name} has not come as it was sent. Start again.")
    return order


def spread_file(workers: Workers, rank: int, path: Path) -> None:
    """Gives all workers, in the same place, the file that one of them has.

    Raises:
        RunError: if a worker is lost, or the file has not come as it was sent.
    """
    told = workers.gathered(
        [path.stat().st_size, file_hash(path)] if workers.rank == rank else None
    )
    size, sha256 = told[rank]
    if workers.rank == rank:
        with path.open("rb") as file:
            for link in workers.links if workers.is_first else workers.links[:1]:
                file.seek(0)
                while data := file.read(CHUNK_BYTES):
                    link.send_data(memoryview(data))
        return
    left = int(size)
    with atomic_path(path, KEPT) as temporary, temporary.open("wb") as file:
        while left > 0:
            data = workers.received_data(rank if workers.is_first else 0)
            file.write(data)
            left -= len(data)
            if workers.is_first:
                for link in workers.links:
                    if link.rank != rank:
                        link.send_data(memoryview(data))
    if file_hash(path) != sha256:
        raise RunError(f"{path} has not come as it was sent. Start again.")
