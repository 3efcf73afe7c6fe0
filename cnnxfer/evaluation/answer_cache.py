"""The cache of answers to images, so that no network answers the same twice.

CACHE/answers/KEY/   the answers of one model as one engine gives them to one view
  SHA256.npz         some of them; the name is the hash of the file's content
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cnnxfer.cache import cache_dir, is_trusted, own_directory, remove_entry
from cnnxfer.errors import ConfigError, reason_of
from cnnxfer.evaluation.kept_answers import KeptAnswer
from cnnxfer.files import atomic_path, read_file
from cnnxfer.reporting import Reporter
from cnnxfer.trust import KEPT

# Of all answers together. Those to 50,000 images take 200 MB with 1,000 classes.
LIMIT_BYTES = 2 * 10**9


class AnswerCache:
    """The kept answers of one model, engine and view, by the content of the images."""

    def __init__(self, key: Mapping[str, Any], reporter: Reporter) -> None:
        """Names an entry of the cache, which need not exist.

        Args:
            key: everything that determines the answers but the image, for JSON.
            reporter: warns of what cannot be used or written.

        Raises:
            ConfigError: if the cache directory cannot be created.
        """
        text = json.dumps(key, sort_keys=True)
        self._path = cache_dir() / "answers" / hashlib.sha256(text.encode()).hexdigest()
        self._reporter = reporter
        self._writable = True

    def find(self, images: Collection[str]) -> dict[str, KeptAnswer]:
        """Returns the answers that are kept, by the SHA-256 of the images.

        A file that is damaged, or that others can have written, counts as missing.

        Args:
            images: the SHA-256 of the images that are asked for.
        """
        found: dict[str, KeptAnswer] = {}
        if not is_trusted(self._path, self._reporter):
            return found
        for file in sorted(self._path.glob("*.npz")):
            try:
                kept = _read(file)
            except FileNotFoundError:  # another process has made room
                continue
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                self._reporter.warn(f"{file} is not used: {error}")
                continue
            asked = {image: kept[image] for image in kept.keys() & images}
            found |= asked
            if asked:
                with suppress(OSError):  # a read-only cache
                    os.utime(file)
        return found

    def add(self, answers: Mapping[str, KeptAnswer]) -> None:
        """Keeps answers, by the SHA-256 of their images, unless that is impossible.

        Answers that were used longest ago are deleted where there are too many.
        """
        if not self._writable:
            return
        content = _packed(answers)
        name = f"{hashlib.sha256(content).hexdigest()}.npz"
        try:
            if not is_trusted(self._path, self._reporter):
                remove_entry(self._path)
            with atomic_path(own_directory(self._path) / name, KEPT) as temporary:
                temporary.write_bytes(content)
            _make_room(self._path.parent)
        except (ConfigError, OSError) as error:
            self._writable = False
            reason = (
                str(error)
                if isinstance(error, ConfigError)
                else f"{error.filename} cannot be written ({reason_of(error)})."
            )
            self._reporter.warn(f"{reason} The next command will answer again.")


def _make_room(directory: Path) -> None:
    """Deletes the answers that were used longest ago, until `LIMIT_BYTES` suffice."""
    files = []
    for file in directory.glob("*/*.npz"):
        with suppress(OSError):  # another process has just deleted it
            state = file.stat()
            files.append((state.st_mtime_ns, state.st_size, file))
    total = 0
    for _, size_bytes, file in sorted(files, reverse=True):
        total += size_bytes
        if total > LIMIT_BYTES:
            with suppress(OSError):
                file.unlink(missing_ok=True)


def _packed(answers: Mapping[str, KeptAnswer]) -> bytes:
    """Returns answers as the content of a file; all have one dtype and dimension."""
    kept = list(answers.values())
    stream = io.BytesIO()
    np.savez(
        stream,
        images=np.frombuffer(bytes.fromhex("".join(answers)), np.uint8),
        sizes=np.array([answer.size for answer in kept]),
        shapes=np.array([answer.shape for answer in kept]),
        dtype=np.empty(0, kept[0].dtype),
        ends=np.cumsum([len(answer.content) for answer in kept]),
        content=np.frombuffer(b"".join(answer.content for answer in kept), np.uint8),
    )
    return stream.getvalue()


def _read(file: Path) -> dict[str, KeptAnswer]:
    """Returns the answers in a file, by the SHA-256 of their images.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it holds something else than was written.
    """
    packed = read_file(file)
    if hashlib.sha256(packed).hexdigest() != file.stem:
        raise ValueError("it is not what was written")
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        images = arrays["images"].tobytes().hex()
        sizes, shapes = arrays["sizes"].tolist(), arrays["shapes"].tolist()
        ends, dtype = arrays["ends"].tolist(), arrays["dtype"].dtype
        content = arrays["content"].tobytes()
    return {
        images[64 * at : 64 * at + 64]: KeptAnswer(
            (sizes[at][0], sizes[at][1]), dtype, tuple(shapes[at]), content[start:end]
        )
        for at, (start, end) in enumerate(pairwise([0, *ends]))
    }
