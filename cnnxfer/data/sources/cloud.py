"""A folder of class folders in a bucket: Amazon S3, Google Cloud Storage, or alike."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cnnxfer.data.dataset import MAX_BYTES, TOO_LARGE, Dataset, Example
from cnnxfer.data.sources.extras import require
from cnnxfer.data.sources.packed import Pack, check_room, copy_dir, packed, read_copy
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.reporting import Advance, Reporter

if TYPE_CHECKING:
    from cnnxfer.data.sources.layout import Place

KIND = "cloud"
FORM = "s3://BUCKET/FOLDER"
PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}
# Or each image would be asked for its size first, to be read in pieces.
OPTIONS: dict[str, dict[str, Any]] = {"s3": {"max_concurrency": 1}, "gs": {}}
CONNECTIONS = 32
# At most so much is in memory at a time, but for one image.
BATCH_IMAGES, BATCH_BYTES = 128, 64 << 20
CHUNK_IMAGES = 512  # on average

HELP = {
    "s3": "aws configure, AWS_PROFILE, or FSSPEC_S3_ANON=true for a public bucket",
    "gs": "gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS",
}
NO_CREDENTIALS = ("NoCredentialsError", "DefaultCredentialsError")


@dataclass(frozen=True)
class _Object:
    """A file in a bucket; its etag is another when its content is."""

    place: Place
    path: str
    size_bytes: int
    etag: str


@dataclass(frozen=True)
class _Bucket:
    """A folder in a bucket, and what its files are read with."""

    spec: str
    files: Any  # an fsspec file system

    @property
    def scheme(self) -> str:
        return self.spec.partition("://")[0]

    @property
    def root(self) -> str:
        return self.spec.partition("://")[2].strip("/")


def accepts(spec: str) -> bool:
    """Tells whether a specification is of this source, asking no network."""
    return spec.startswith(tuple(f"{scheme}://" for scheme in PACKAGES))


def check(spec: str) -> None:
    """Checks that the address is one and can be read here, asking no network.

    Raises:
        ConfigError: if it names no bucket, or the extra is not installed.
    """
    scheme, _, root = spec.partition("://")
    if not root.strip("/"):
        raise ConfigError(f"{spec} names no bucket; expected {scheme}://BUCKET/FOLDER.")
    require(spec, [PACKAGES[scheme]], "cloud")


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists class folders in a bucket, whose images are downloaded first, once.

    They are laid out as `layout.arrange` tells. Where the bucket's content has changed
    since, what has is downloaded again; a download that breaks off goes on later.

    Args:
        spec: `s3://BUCKET/FOLDER` or `gs://BUCKET/FOLDER`. Credentials, endpoints and
            the like are set as for `s3fs` and `gcsfs`.
        reporter: told of the download.

    Raises:
        DataError: if there is no such folder, it may not be read, or it holds no
            class folders.
        RunError: if the network fails, or there is no room for the images.
    """
    from cnnxfer.data.sources.layout import arrange  # NumPy and Pillow come with it

    bucket = _open(spec)
    with reporter.progress(f"listing {spec}"):
        found = _list(bucket)
    layout = arrange(found, spec, reporter)
    objects = [
        _Object(place, *_facts(bucket, place.name, found[place.name]))
        for place in layout.places
    ]
    return Dataset(
        name=bucket.root.rpartition("/")[2],
        class_names=layout.class_names,
        examples=tuple(_examples(bucket, objects, reporter)),
        hidden=layout.hidden,
    )


def _open(spec: str) -> _Bucket:
    check(spec)
    import fsspec  # slow, and what it needs is optional

    # They log what they raise, and what they can do without.
    for name in ("gcsfs", "google.auth"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    scheme = spec.partition("://")[0]
    with _failures(spec):
        # Neither an old listing nor old credentials stand for those of now.
        files = fsspec.filesystem(
            scheme,
            use_listings_cache=False,
            skip_instance_cache=True,
            **OPTIONS[scheme],
        )
    return _Bucket(spec, files)


def _list(bucket: _Bucket) -> dict[str, dict[str, Any]]:
    """Returns what is known of each file in a folder, by its name relative to it."""
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


def _facts(bucket: _Bucket, name: str, info: dict[str, Any]) -> tuple[str, int, str]:
    etag = info.get("ETag") or info.get("etag") or info.get("md5Hash") or ""
    return f"{bucket.root}/{name}", int(info["size"]), str(etag)


def _examples(
    bucket: _Bucket, objects: list[_Object], reporter: Reporter
) -> Iterator[Example]:
    """Returns the images, in order, once all of them have been downloaded.

    They are copied in chunks, so that what is there stays when a download breaks off,
    and most of it when the bucket changes.
    """
    chunks = list(_chunks(objects))
    directories = [
        copy_dir(KIND, bucket.root, [bucket.spec.rstrip("/"), *map(_key, chunk)])
        for chunk in chunks
    ]
    copies = [read_copy(directory) for directory in directories]
    missing = [chunk for chunk, copy in zip(chunks, copies, strict=True) if not copy]
    missing_bytes = sum(map(_size_bytes, missing))
    check_room(missing_bytes)
    copied: list[Example] = []
    with _progress(bucket, missing_bytes, reporter) as advance:
        for chunk, directory, copy in zip(chunks, directories, copies, strict=True):

            def fill(pack: Pack, chunk: list[_Object] = chunk) -> None:
                _download(bucket, chunk, pack, advance)

            copied += (copy or packed(directory, fill)).examples
    for example, object in zip(copied, objects, strict=True):
        place = object.place
        yield replace(example, labels=(place.label,), split=place.split)


def _chunks(objects: Iterable[_Object]) -> Iterator[list[_Object]]:
    """Cuts behind some names, so that others which come or go move no other cut."""
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
    return [object.path, object.place.id, object.size_bytes, object.etag]


def _size_bytes(objects: Iterable[_Object]) -> int:
    return sum(object.size_bytes for object in objects if _fits(object))


def _fits(object: _Object) -> bool:
    return object.size_bytes <= MAX_BYTES


@contextlib.contextmanager
def _progress(bucket: _Bucket, total: int, reporter: Reporter) -> Iterator[Advance]:
    if total:
        title = f"downloading {bucket.spec}"
        with reporter.progress(title, total, "bytes") as advance:
            yield advance
    else:
        yield lambda steps=1, note="": None


def _download(
    bucket: _Bucket, objects: Iterable[_Object], pack: Pack, advance: Advance
) -> None:
    for batch in _batches(objects):
        paths = [object.path for object in batch if _fits(object)]
        contents = _contents(bucket, paths) if paths else {}
        for object in batch:
            if not _fits(object):
                pack.refuse(object.place.id, TOO_LARGE)
                continue
            content = contents[object.path]
            if len(content) != object.size_bytes:
                raise RunError(
                    f"{bucket.scheme}://{object.path} has {len(content):,} bytes, and "
                    f"had {object.size_bytes:,} when it was listed. Try again."
                )
            pack.add(object.place.id, content)
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

    # Their own `cat` of many files takes names with brackets for patterns.
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        return dict(zip(paths, threads.map(read, paths), strict=True))


@contextlib.contextmanager
def _failures(address: str) -> Iterator[None]:
    """Says what a failure of the libraries means, and what to do about it."""
    scheme = address.partition("://")[0]
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(
            f"{address} is not there: no such bucket, or no such file in it."
        ) from error
    except Exception as error:  # botocore's, aiohttp's, google-auth's, ...
        if type(error).__name__ in NO_CREDENTIALS:
            raise DataError(
                f"{address} cannot be read without credentials. Give them: "
                f"{HELP[scheme]}."
            ) from error
        reason = _reason(error)
        if isinstance(error, PermissionError) or reason.startswith("Forbidden"):
            raise DataError(
                f"{address} may not be read: {reason}. Give the credentials of "
                f"somebody who may: {HELP[scheme]}."
            ) from error
        raise RunError(
            f"{address} could not be read: {reason}. Check the network and try again; "
            "what has been downloaded is kept."
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
