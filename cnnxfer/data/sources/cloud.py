"""The source for class folders in a bucket of Amazon S3, Google Cloud Storage, etc."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import MAX_BYTES, TOO_LARGE, Dataset, Example
from cnnxfer.data.sources.extras import require
from cnnxfer.data.sources.packed import (
    Pack,
    check_room,
    copy_dir,
    ensure_copy,
    read_copy,
)
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.reporting import Advance, Reporter

if TYPE_CHECKING:
    from cnnxfer.data.sources.layout import PlacedFile

FORM = "s3://BUCKET/FOLDER"
PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}
# Without this, s3fs asks for each image's size first, and reads it in pieces.
OPTIONS: dict[str, dict[str, Any]] = {"s3": {"max_concurrency": 1}, "gs": {}}
CONNECTIONS = 32
# The most that is in memory at a time; a single larger image may exceed it.
BATCH_IMAGES, BATCH_BYTES = 128, 64 << 20
CHUNK_IMAGES = 512  # on average

CREDENTIALS_HELP = {
    "s3": "aws configure, AWS_PROFILE, or FSSPEC_S3_ANON=true for a public bucket",
    "gs": "gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS",
}
NO_CREDENTIALS_ERRORS = ("NoCredentialsError", "DefaultCredentialsError")


@dataclass(frozen=True)
class _Object:
    """A file in a bucket; its etag changes with its content."""

    file: PlacedFile
    path: str
    size_bytes: int
    etag: str


@dataclass(frozen=True)
class _Bucket:
    """A folder in a bucket, and the file system that reads it."""

    spec: str
    files: Any  # an fsspec file system

    @property
    def scheme(self) -> str:
        return self.spec.partition("://")[0]

    @property
    def root(self) -> str:
        return self.spec.partition("://")[2].strip("/")


def accepts(spec: str) -> bool:
    """Tells whether a specification is of this source, without network access."""
    return spec.startswith(tuple(f"{scheme}://" for scheme in PACKAGES))


def check(spec: str) -> None:
    """Raises a ConfigError if an address names no bucket, or its package is missing."""
    scheme, _, root = spec.partition("://")
    if not root.strip("/"):
        raise ConfigError(f"{spec} names no bucket; expected {scheme}://BUCKET/FOLDER.")
    require(spec, PACKAGES[scheme], "cloud")


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists class folders in a bucket; downloads their images the first time.

    Classes and splits are found as `layout.arrange` describes. Files that have changed
    since the last download are downloaded again; an interrupted download continues
    where it stopped. Credentials, endpoints and the like are set as for `s3fs` and
    `gcsfs`.

    Raises:
        DataError: if the folder does not exist, may not be read, or holds no class
            folders, or masks.
        RunError: if the network fails, or there is no room for the images.
    """
    # They import NumPy and Pillow.
    from cnnxfer.data.sources.layout import arrange
    from cnnxfer.data.sources.mask_signs import refuse_masks

    bucket = _open(spec)
    with reporter.progress(f"listing {spec}"):
        found = _list(bucket)
    layout = arrange(found, spec, reporter)
    objects = [_object(bucket, file, found[file.name]) for file in layout.files]
    examples = tuple(_examples(bucket, objects, reporter))
    names = [file.name for file in layout.files]
    placed = dict(zip(names, examples, strict=True))
    refuse_masks(names, placed.__getitem__, spec, reporter)
    return Dataset(
        name=bucket.root.rpartition("/")[2],
        class_names=layout.class_names,
        examples=examples,
        hidden=layout.hidden,
        outside=layout.outside,
    )


def _open(spec: str) -> _Bucket:
    check(spec)
    import fsspec  # slow, and what it needs is optional

    # They log the errors that they raise, and problems that they can work around.
    for name in ("gcsfs", "google.auth"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    scheme = spec.partition("://")[0]
    with _failures(spec):
        # Listings and credentials of an earlier call may be out of date.
        files = fsspec.filesystem(
            scheme,
            use_listings_cache=False,
            skip_instance_cache=True,
            **OPTIONS[scheme],
        )
    return _Bucket(spec, files)


def _list(bucket: _Bucket) -> dict[str, dict[str, Any]]:
    """Returns the details of each file in the folder, by its name relative to it."""
    with _failures(bucket.spec):
        found = bucket.files.find(bucket.root, detail=True)
    if bucket.root in found:
        raise DataError(
            f"{bucket.spec} is a file; expected a folder of class folders. Download an "
            "archive or a table first."
        )
    begin = len(bucket.root) + 1
    files = {path[begin:]: info for path, info in found.items() if path[begin:]}
    if not files:
        raise DataError(f"{bucket.spec} holds no files, or there is no such folder.")
    return files


def _object(bucket: _Bucket, file: PlacedFile, info: dict[str, Any]) -> _Object:
    etag = info.get("ETag") or info.get("etag") or info.get("md5Hash") or ""
    return _Object(file, f"{bucket.root}/{file.name}", int(info["size"]), str(etag))


def _examples(
    bucket: _Bucket, objects: list[_Object], reporter: Reporter
) -> Iterator[Example]:
    """Yields the images, in order, once all of them have been downloaded.

    They are copied in chunks, so that an interrupted download loses little, and a
    change in the bucket makes only a few chunks out of date.
    """
    chunks = list(_chunks(objects))
    directories = [
        copy_dir("cloud", bucket.root, [bucket.spec.rstrip("/"), *map(_key, chunk)])
        for chunk in chunks
    ]
    copies = [read_copy(directory) for directory in directories]
    missing = [chunk for chunk, copy in zip(chunks, copies, strict=True) if not copy]
    missing_bytes = sum(map(_size_bytes, missing))
    check_room(missing_bytes)
    copied: list[Example] = []
    progress = (
        reporter.progress(f"downloading {bucket.spec}", missing_bytes, "bytes")
        if missing_bytes
        else nullcontext(lambda size_bytes: None)
    )
    with progress as advance:
        for chunk, directory, copy in zip(chunks, directories, copies, strict=True):
            fill = partial(_download, bucket, chunk, advance)
            size_bytes = _size_bytes(chunk)
            copy = copy or ensure_copy(directory, fill, reporter, size_bytes=size_bytes)
            copied += copy.examples
    for example, object in zip(copied, objects, strict=True):
        file = object.file
        yield replace(example, annotation=Labels((file.label,)), split=file.split)


def _chunks(objects: Iterable[_Object]) -> Iterator[list[_Object]]:
    """Yields chunks that end at names chosen by their hash.

    So a file that is added or removed changes the chunk that it is in, and no other.
    """
    chunk: list[_Object] = []
    for object in objects:
        chunk.append(object)
        digest = hashlib.sha256(object.path.encode("utf-8", "replace")).digest()
        if int.from_bytes(digest[:8]) % CHUNK_IMAGES == 0:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _key(object: _Object) -> list[Any]:
    return [object.path, object.file.id, object.size_bytes, object.etag]


def _size_bytes(objects: Iterable[_Object]) -> int:
    return sum(object.size_bytes for object in objects if _fits(object))


def _fits(object: _Object) -> bool:
    return object.size_bytes <= MAX_BYTES


def _download(
    bucket: _Bucket, objects: Iterable[_Object], advance: Advance, pack: Pack
) -> None:
    for batch in _batches(objects):
        paths = [object.path for object in batch if _fits(object)]
        contents = _contents(bucket, paths) if paths else {}
        for object in batch:
            if not _fits(object):
                pack.add_unreadable(object.file.id, TOO_LARGE)
                continue
            content = contents[object.path]
            if len(content) != object.size_bytes:
                raise RunError(
                    f"{bucket.scheme}://{object.path} has {len(content):,} bytes, and "
                    f"had {object.size_bytes:,} when it was listed. Try again."
                )
            pack.add(object.file.id, content)
            advance(len(content))


def _batches(objects: Iterable[_Object]) -> Iterator[list[_Object]]:
    batch: list[_Object] = []
    for object in objects:
        full = len(batch) == BATCH_IMAGES
        if batch and (full or _size_bytes([*batch, object]) > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(object)
    yield batch


def _contents(bucket: _Bucket, paths: list[str]) -> dict[str, bytes]:
    def read(path: str) -> bytes:
        with _failures(f"{bucket.scheme}://{path}"):
            return bytes(bucket.files.cat_file(path))

    # fsspec's `cat` of several files takes brackets in a name for a pattern.
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        return dict(zip(paths, threads.map(read, paths), strict=True))


@contextmanager
def _failures(address: str) -> Iterator[None]:
    """Turns the errors of the libraries into errors with a next step."""
    scheme = address.partition("://")[0]
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(
            f"{address} does not exist: no such bucket, or no such file in it."
        ) from error
    except Exception as error:  # botocore's, aiohttp's, google-auth's, ...
        if type(error).__name__ in NO_CREDENTIALS_ERRORS:
            raise DataError(
                f"{address} cannot be read without credentials. Give them: "
                f"{CREDENTIALS_HELP[scheme]}."
            ) from error
        reason = _reason(error)
        if isinstance(error, PermissionError) or reason.startswith("Forbidden"):
            raise DataError(
                f"{address} may not be read: {reason}. Give the credentials of "
                f"somebody who may: {CREDENTIALS_HELP[scheme]}."
            ) from error
        raise RunError(
            f"{address} could not be read: {reason}. Check the network and try again; "
            "what has been downloaded is kept."
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
