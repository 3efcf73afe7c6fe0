"""A safe reader of PyTorch's files of weights, which does not need PyTorch.

A pickle can call any function that it names. The unpickler here allows the names that
a plain state dictionary needs, and refuses all others.

There are two formats, both of `torch/serialization.py`:

- `_save` writes a zip archive, uncompressed: the pickle `NAME/data.pkl`, whose tensors
  refer to storages by key, and each storage's raw values as `NAME/data/KEY`. Since
  PyTorch 2.1, `NAME/byteorder` says in which order their bytes are.
- `_legacy_save`, the only one before PyTorch 1.6, writes four pickles (magic number,
  protocol, system information, and the state dictionary), a pickled list of the keys,
  then each storage: its number of elements as int64 and its raw little-endian values.
"""

import io
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar
from zipfile import ZipFile

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnxfer.errors import DataError
from cnnxfer.unpacking import is_stored

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
SIZE_LIMIT_BYTES = 1 << 30
# A tensor takes 35 in a pickle, and the networks that are read have some 400 at most.
MAX_OPCODES = 50_000
_ZIP_START = b"PK\3\4"
_REASON_LETTERS = 200
# Those of PyTorch's pickles, in Python 2 and 3. Others would do no harm, but are a sign
# that a file was not written by PyTorch.
_OPCODES = re.compile(
    "PROTO|STOP|MARK|GLOBAL|REDUCE|BUILD|BINPERSID|(LONG_)?BIN(GET|PUT)|NEW(TRUE|FALSE)"
    "|NONE|BININT[12]?|LONG1|BINFLOAT|BINUNICODE|(SHORT_)?BINSTRING|TUPLE[123]?"
    "|EMPTY_(DICT|LIST|TUPLE)|APPENDS?|SETITEMS?"
)


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    elements: int

    @property
    def size_bytes(self) -> int:
        return self.elements * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements

    def __setstate__(self, state: object) -> None:
        """Takes no notice of the gradient's settings that old files have."""

    def read(self, storages: dict[_Storage, np.ndarray]) -> np.ndarray:
        values = storages[self.storage][self.offset :]
        steps = zip(self.shape, self.strides, strict=True)
        last = sum((size - 1) * step for size, step in steps)
        # `as_strided` itself checks neither bounds nor sizes.
        lowest = min(self.offset, *self.shape, *self.strides, 0)
        if lowest < 0 or max(last + 1, math.prod(self.shape)) > len(values):
            raise ValueError("a tensor lies outside its storage")
        strides = [step * values.itemsize for step in self.strides]
        return np.asarray(as_strided(values, self.shape, strides), order="C")


def _rebuild_tensor(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_gradient: object,  # since PyTorch 0.4
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def _rebuild_parameter(tensor: _Tensor, *_gradient: object) -> _Tensor:
    return tensor


FLOAT, LONG = "<f4", "<i8"
_ALLOWED_NAMES: dict[tuple[str, str], Callable[..., Any] | str] = {
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch.nn.parameter", "Parameter"): _rebuild_parameter,
    ("torch", "FloatStorage"): FLOAT,
    ("torch", "LongStorage"): LONG,
}


_STEPS: dict[int, Any] = pickle._Unpickler.dispatch


class _StateDictUnpickler(pickle._Unpickler):
    """Python's unpickler that is written in Python, whose keys can be checked.

    As a key, a tuple that has another one twice, which is made likewise, and so on,
    would take for ever to hash.
    """

    stack: list[Any]
    _items = 0  # of all dictionaries that were made of a list

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return self._ordered_dict
        try:
            return _ALLOWED_NAMES[module, name]
        except KeyError:
            raise ValueError(f"it refers to {f'{module}.{name}'!r:.80}") from None

    def _ordered_dict(self, items: Iterable[Any] = ()) -> OrderedDict[Any, Any]:
        # Python 2 writes them so. A file could have a long list copied many times.
        pairs = list(items)
        _require_names(name for name, _ in pairs)
        self._items += len(pairs)
        if self._items > MAX_OPCODES:
            raise ValueError("it makes too many dictionaries")
        return OrderedDict(pairs)

    def _set_item(self) -> None:
        _require_names(self.stack[-2:-1])
        _STEPS[pickle.SETITEM[0]](self)

    def _set_items(self) -> None:
        _require_names(self.stack[::2])
        _STEPS[pickle.SETITEMS[0]](self)

    dispatch: ClassVar[dict[int, Any]] = {
        **_STEPS,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
    }

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, elements, *view = pid  # no view in a zip archive
        if kind != "storage" or dtype not in (FLOAT, LONG) or view not in ([], [None]):
            raise ValueError("it has a storage of an unknown kind")
        if not isinstance(key, str) or not isinstance(elements, int):
            raise ValueError("it has a storage without a name or a size")
        return _Storage(key, dtype, elements)


def _require_names(keys: Iterable[Any]) -> None:
    if not all(isinstance(key, str) for key in keys):
        raise ValueError("it has a key that is no name")


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Reads every tensor of a state dictionary that PyTorch saved.

    The file has at most 1 GiB, and so have its tensors together. Reading is safe, but
    the values could be anybody's.

    Returns:
        Arrays by tensor name, float32 or int64, in PyTorch's order of axes.

    Raises:
        DataError: if the file is not such a checkpoint, refers to a name that a state
            dictionary does not need, or is damaged.
    """
    if path.stat().st_size > SIZE_LIMIT_BYTES:
        raise DataError(f"{path} is over 1 GiB; expected a small checkpoint.")
    try:
        with path.open("rb") as stream:
            is_zip = stream.read(len(_ZIP_START)) == _ZIP_START
            stream.seek(0)
            return _read_zip(path) if is_zip else _read_legacy(stream)
    except Exception as error:  # a damaged pickle can raise any kind of error
        reason = " ".join(str(error).split())[:_REASON_LETTERS]
        raise DataError(
            f"{path} is not a PyTorch state dictionary that can be read safely: "
            f"{reason or type(error).__name__}. Expected a file of "
            "torch.save(model.state_dict(), FILE)."
        ) from error


def _read_zip(path: Path) -> dict[str, np.ndarray]:
    if not is_stored(path):
        raise ValueError(
            "its parts are damaged, compressed or lie in one another, as PyTorch "
            "writes none"
        )
    with ZipFile(path) as archive:  # which checks each part by its CRC-32
        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise ValueError(f"it has {len(names)} parts called data.pkl")
        folder = names[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist():
            order = archive.read(f"{folder}byteorder")
            if order != b"little":
                raise ValueError(f"its byte order is {order!r:.20}, expected b'little'")
        tensors = _tensors(_unpickle(io.BytesIO(archive.read(names[0]))))
        storages = {}
        for storage in {tensor.storage for tensor in tensors.values()}:
            part = archive.read(f"{folder}data/{storage.key}")
            storages[storage] = _values(part, storage)
    return _arrays(tensors, storages)


def _read_legacy(stream: BinaryIO) -> dict[str, np.ndarray]:
    if _unpickle(stream) != MAGIC_NUMBER:
        raise ValueError("it does not begin with PyTorch's magic number")
    _protocol, _system = _unpickle(stream), _unpickle(stream)
    tensors, keys = _tensors(_unpickle(stream)), _unpickle(stream)
    _require_names(keys)
    by_key = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {}
    for key in keys:
        storage = by_key[key]
        elements = int(np.frombuffer(stream.read(8), "<i8")[0])
        if elements != storage.elements or not 0 <= elements <= SIZE_LIMIT_BYTES:
            raise ValueError(f"a storage claims {elements} elements")
        storages[storage] = _values(stream.read(storage.size_bytes), storage)
    return _arrays(tensors, storages)


def _unpickle(stream: BinaryIO) -> Any:
    _check_opcodes(stream)
    return _StateDictUnpickler(stream).load()


def _check_opcodes(stream: BinaryIO) -> None:
    """Refuses the next pickle if it is unlike PyTorch's, or too large."""
    start = stream.tell()
    for count, (opcode, *_) in enumerate(pickletools.genops(stream)):
        if not _OPCODES.fullmatch(opcode.name):
            raise ValueError(
                f"its pickle has {opcode.name}, which PyTorch never writes"
            )
        if count == MAX_OPCODES:
            raise ValueError(f"its pickle has more than {MAX_OPCODES:,} steps")
    stream.seek(start)


def _tensors(state: object) -> dict[str, _Tensor]:
    if not isinstance(state, dict) or not all(
        isinstance(tensor, _Tensor) and isinstance(tensor.storage, _Storage)
        for tensor in state.values()
    ):
        raise ValueError("it holds something else than tensors by their names")
    return state


def _values(raw: bytes, storage: _Storage) -> np.ndarray:
    if len(raw) != storage.size_bytes:
        raise ValueError(f"a storage has {len(raw)} B, expected {storage.size_bytes} B")
    return np.frombuffer(raw, storage.dtype)


def _arrays(
    tensors: dict[str, _Tensor], storages: dict[_Storage, np.ndarray]
) -> dict[str, np.ndarray]:
    arrays, total_bytes = {}, 0
    for name, tensor in tensors.items():
        arrays[name] = tensor.read(storages)
        total_bytes += arrays[name].nbytes
        if total_bytes > SIZE_LIMIT_BYTES:  # many tensors may share a storage
            raise ValueError("its tensors take over 1 GiB")
    return arrays
