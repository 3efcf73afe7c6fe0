"""Checks of Arrow files, before the library that reads them unpacks what is in them."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from cnnxfer.errors import DataError

# Places of fields in the tables of the format: Message, DictionaryBatch, RecordBatch.
# https://github.com/apache/arrow/blob/main/format/Message.fbs
_HEADER, _DICTIONARY_DATA, _COMPRESSION = 2, 1, 3


def arrow_files(root: Path) -> Iterator[Path]:
    """Yields the files that `datasets.load_from_disk` reads, by its own lists of them.

    Raises:
        Exception: an error of any type if a list is damaged.
    """
    splits = [""] if (root / "state.json").is_file() else []
    of_splits = root / "dataset_dict.json"
    if of_splits.is_file():
        splits += json.loads(of_splits.read_bytes())["splits"]
    for split in splits:
        state = json.loads((root / split / "state.json").read_bytes())
        for file in state["_data_files"]:
            yield root / split / file["filename"]


def refuse_compressed(path: Path) -> None:
    """Refuses a file with compressed batches, which `datasets` never writes.

    It maps uncompressed ones into memory, and would unpack all others at once.

    Raises:
        DataError: if a batch is compressed.
        Exception: an error of any type if the file is damaged.
    """
    with pa.memory_map(str(path)) as file:
        for message in pa.ipc.MessageReader.open_stream(file):
            if message.type != "schema" and _is_compressed(message):
                raise DataError(
                    f"{path} is compressed, which no saved data set is. Save it again, "
                    "with dataset.save_to_disk."
                )


def _is_compressed(message: pa.ipc.Message) -> bool:
    tables = message.metadata.to_pybytes()
    (position,) = struct.unpack_from("<I", tables)
    position = _table(tables, _field(tables, position, _HEADER))
    if message.type == "dictionary":
        position = _table(tables, _field(tables, position, _DICTIONARY_DATA))
    return bool(_field(tables, position, _COMPRESSION))


def _table(tables: bytes, field: int) -> int:
    """Returns the position of the table that a field refers to."""
    (offset,) = struct.unpack_from("<I", tables, field)
    return field + int(offset)


def _field(tables: bytes, position: int, number: int) -> int:
    """Returns the position of a table's field, as FlatBuffers has it; 0 for none."""
    (to_offsets,) = struct.unpack_from("<i", tables, position)
    offsets = position - to_offsets
    (size_bytes,) = struct.unpack_from("<H", tables, offsets)
    place = 4 + 2 * number
    if place >= size_bytes:
        return 0
    (offset,) = struct.unpack_from("<H", tables, offsets + place)
    return position + int(offset) if offset else 0
