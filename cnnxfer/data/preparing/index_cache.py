"""A cache of index rows, each valid as long as its image's file does not change."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace

from cnnxfer.data.dataset import Example, IndexRow
from cnnxfer.data.images.decode import DECODER
from cnnxfer.data.stamped_rows import Stamp, StampedRows
from cnnxfer.reporting import Reporter

# Raised when rows are computed in another way; `DECODER` changes with the decoding.
INDEX_VERSION = 4
# The fields of a row except its example, of which only the hash is stored.
STORED_FIELDS = tuple(field.name for field in fields(IndexRow))[1:]


class IndexCache:
    """The stored index rows of the images in one folder, or in one file."""

    def __init__(self, stamps: Sequence[Stamp | None], reporter: Reporter) -> None:
        """Reads the stored rows of the folder or file that holds all of the images.

        The reporter warns of rows that others can have written, which are not used.
        """
        reader = [DECODER, INDEX_VERSION, *STORED_FIELDS]
        self._rows = StampedRows("index", reader, stamps, reporter)

    def row(self, example: Example, stamp: Stamp | None) -> IndexRow | None:
        """Returns the stored row of an image; None if it is new or has changed."""
        found = self._rows.get(stamp)
        if found is None:
            return None
        sha256, *rest = found
        return IndexRow(replace(example, sha256=sha256), *rest)

    def save(
        self,
        rows: Iterable[tuple[IndexRow | None, Stamp | None]],
        reporter: Reporter,
    ) -> None:
        """Writes new rows that have a stamp, and keeps the stored rows of other images.

        The reporter warns if they cannot be written.
        """
        new = {
            stamp: (row.sha256, *(getattr(row, name) for name in STORED_FIELDS))
            for row, stamp in rows
            # A file that could not be read has no hash, and is tried again next time,
            # as is one whose problem may have passed.
            if row and stamp and row.sha256 and not row.passing
            if self._rows.get(stamp) is None
        }
        self._rows.save(new, reporter, "images")
