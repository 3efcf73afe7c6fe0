"""A server on the loopback interface that speaks as S3 and Google's storage do.

So much of both as listing and reading take: ListObjectsV2 and GetObject; the JSON
interface's `objects.list` and `objects.get`.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

PAGE = 5  # names in an answer; real ones send 1,000


@dataclass
class Buckets:
    """What the server holds and does.

    Attributes:
        objects: content by `bucket/name`.
        read: the objects that were asked for, in order, each time.
        status: what it answers instead, by `bucket/name`, or by `bucket` for a list.
        cut: names of objects of which the last byte is not sent.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)
    status: dict[str, int] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    url: str = ""

    def names(self, bucket: str, prefix: str) -> list[str]:
        begin = len(bucket) + 1
        return sorted(
            name[begin:]
            for name in self.objects
            if name.startswith(f"{bucket}/")
            if name[begin:].startswith(prefix)
        )


@contextmanager
def serve(buckets: Buckets) -> Iterator[Buckets]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # or header and body travel apart, and slowly

        def log_message(self, *arguments):
            pass

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            url = urlsplit(self.path)
            query = {key: words[0] for key, words in parse_qs(url.query).items()}
            path = url.path.removeprefix("/download").lstrip("/")
            if path.startswith("storage/v1/b/"):
                self.google(path.removeprefix("storage/v1/b/"), query)
            else:
                self.amazon(unquote(path), query)

        def amazon(self, path: str, query: dict[str, str]):
            bucket, _, name = path.partition("/")
            if self.refused(f"{bucket}/{name}" if name else bucket, _amazon_error):
                return
            if name:
                self.content(f"{bucket}/{name}", _amazon_error)
                return
            page, token = self.page(bucket, query, "continuation-token")
            entries = "".join(
                f"<Contents><Key>{escape(name)}</Key><Size>{size}</Size>"
                f"<ETag>&quot;{etag}&quot;</ETag><StorageClass>STANDARD</StorageClass>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                for name, size, etag in page
            )
            more = f"<NextContinuationToken>{token}</NextContinuationToken>"
            self.answer(
                200,
                "<?xml version='1.0'?><ListBucketResult>"
                f"<Name>{bucket}</Name><KeyCount>{len(page)}</KeyCount>"
                f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>"
                f"{entries}{more if token else ''}</ListBucketResult>",
                "application/xml",
            )

        def google(self, path: str, query: dict[str, str]):
            bucket, _, rest = path.partition("/o")
            name = unquote(rest.removeprefix("/"))
            if self.refused(f"{bucket}/{name}" if name else bucket, _google_error):
                return
            if name and query.get("alt") == "media":
                self.content(f"{bucket}/{name}", _google_error)
                return
            if name:
                found = buckets.objects.get(f"{bucket}/{name}")
                if found is None:
                    self.answer(404, _google_error(404))
                else:
                    self.answer(200, json.dumps(_item(bucket, name, found)))
                return
            page, token = self.page(bucket, query, "pageToken")
            items = [
                _item(bucket, name, buckets.objects[f"{bucket}/{name}"])
                for name, *_ in page
            ]
            more = {"nextPageToken": token} if token else {}
            kind = "storage#objects"
            self.answer(200, json.dumps({"kind": kind, "items": items, **more}))

        def page(self, bucket: str, query: dict[str, str], key: str):
            names = buckets.names(bucket, query.get("prefix", ""))
            begin = int(query.get(key, 0))
            token = str(begin + PAGE) if begin + PAGE < len(names) else ""
            page = []
            for name in names[begin : begin + PAGE]:
                content = buckets.objects[f"{bucket}/{name}"]
                page.append((name, len(content), hashlib.md5(content).hexdigest()))
            return page, token

        def refused(self, path: str, error) -> bool:
            buckets_there = {name.partition("/")[0] for name in buckets.objects}
            status = buckets.status.get(path)
            if status is None and path.partition("/")[0] not in buckets_there:
                status = 404
            if status is None:
                return False
            self.answer(status, error(status))
            return True

        def content(self, path: str, error):
            buckets.read.append(path)
            content = buckets.objects.get(path)
            if content is None:
                self.answer(404, error(404))
                return
            wanted = self.headers.get("Range")
            if wanted and content:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                content = content[int(first) : int(last or len(content)) + 1]
            if path in buckets.cut:
                content = content[:-1]
            self.answer(206 if wanted else 200, content, "image/jpeg")

        def answer(self, status: int, body, kind="application/json"):
            body = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # who finds no place tries again a second later

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        buckets.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield buckets
        finally:
            server.shutdown()
            thread.join()


def set_environment(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends both libraries to the server, with credentials of nobody's."""
    for name, value in {
        "AWS_ENDPOINT_URL": buckets.url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "STORAGE_EMULATOR_HOST": buckets.url,
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)


def _amazon_error(status: int) -> str:
    code = {403: "AccessDenied", 404: "NoSuchKey"}.get(status, "InternalError")
    return f"<Error><Code>{code}</Code><Message>it is {code}</Message></Error>"


def _google_error(status: int) -> str:
    return json.dumps({"error": {"code": status, "message": f"it is {status}"}})


def _item(bucket: str, name: str, content: bytes) -> dict[str, str]:
    return {
        "kind": "storage#object",
        "bucket": bucket,
        "name": name,
        "id": f"{bucket}/{quote(name)}/1",
        "size": str(len(content)),
        "etag": hashlib.sha1(content).hexdigest(),
        "timeCreated": "2026-01-01T00:00:00.000Z",
        "updated": "2026-01-01T00:00:00.000Z",
    }
