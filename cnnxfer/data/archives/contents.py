"""Reads the files in an archive; where images are wanted, no more than needed."""

from functools import partial
from typing import IO

from cnnxfer.data.images.decode import other_file
from cnnxfer.data.images.names import begins_as_image
from cnnxfer.errors import DataError

# A smaller file is kept whatever it is, so that whoever decodes it says what it is.
# Copies in the cache remember what was no image: raise `packed.INDEX_VERSION` when more
# is taken for one.
BEGINNING_BYTES = 1 << 16


class OtherFile(DataError):
    """A file that begins as no image does; the message is only the reason."""


def check_beginning(beginning: bytes) -> None:
    """Raises an OtherFile for a file that begins as no image does.

    One of a format that cannot be decoded passes, since a package may be missing.
    """
    if not begins_as_image(beginning):
        raise OtherFile(other_file(beginning) or "empty file")


def read_content(stream: IO[bytes], size_bytes: int, *, whole: bool) -> bytes:
    """Returns the content of a file; of `size_bytes`, unless its archive is damaged.

    Raises:
        OtherFile: unless `whole`, if the file begins as no image does; its rest is not
            unpacked then.
    """
    beginning = stream.read(BEGINNING_BYTES)
    if size_bytes > BEGINNING_BYTES and not whole:
        check_beginning(beginning)
    return b"".join([beginning, *iter(partial(stream.read, BEGINNING_BYTES), b"")])
