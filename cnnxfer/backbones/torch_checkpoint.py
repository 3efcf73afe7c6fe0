"""A safe reader of PyTorch checkpoints, which does not need PyTorch.

A pickle can call any function that it names. The unpickler here allows the four names
that a plain state dictionary in PyTorch's older, non-zip format needs, and refuses
all others.

The format is that of `_legacy_save` in `torch/serialization.py`: four pickles (magic
number, protocol, system information, and the state dictionary whose tensors refer to
storages by key), a pickled list of the keys, then each storage: its number of elements
as int64 and its raw little-endian values.
"""

import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnxfer.errors import DataError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
SIZE_LIMIT_BYTES = 1 << 30
MAX_OBJECTS = 1_000_000  # in a pickle; the built-in backbone has 3,000


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements

    def read(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        values = storages[self.storage.key][self.offset :]
        steps = zip(self.shape, self.strides, strict=True)
        last = sum((size - 1) * step for size, step in steps)
        # `as_strided` itself checks neither bounds nor sizes.
        lowest = min(self.offset, *self.shape, *self.strides, 0)
        if lowest < 0 or max(last + 1, math.prod(self.shape)) > len(values):
            raise ValueError("a tensor lies outside its storage")
        strides = [step * values.itemsize for step in self.strides]
        return as_strided(values, self.shape, strides).copy()


def _rebuild_tensor(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
    backward_hooks: Any,
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


FLOAT, LONG = "<f4", "<i8"
_ALLOWED_NAMES: dict[tuple[str, str], Callable[..., Any] | str] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): FLOAT,
    ("torch", "LongStorage"): LONG,
}


class _StateDictUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED_NAMES[module, name]
        except KeyError:
            raise ValueError(f"it refers to {module}.{name}") from None

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, _elements, view = pid
        if kind != "storage" or dtype not in (FLOAT, LONG) or view is not None:
            raise ValueError("it has a storage of an unknown kind")
        return _Storage(key, dtype)


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Reads every tensor of a state dictionary in PyTorch's older format.

    The file has at most 1 GiB, and so have its tensors together. Check its hash first:
    reading is safe, but the values could be anybody's.

    Returns:
        Arrays by tensor name, float32 or int64, in PyTorch's order of axes.

    Raises:
        DataError: if the file is not such a checkpoint, refers to a name that a state
            dictionary does not need, or is truncated.
    """
    if path.stat().st_size > SIZE_LIMIT_BYTES:
        raise DataError(f"{path} is over 1 GiB; expected a small checkpoint.")
    try:
        with path.open("rb") as stream:
            return _read(stream)
    except Exception as error:  # a damaged pickle can raise any kind of error
        raise DataError(
            f"{path} is not a PyTorch state dictionary that can be read safely: "
            f"{error}. Expected one in PyTorch's older, non-zip format."
        ) from error


def _read(stream: BinaryIO) -> dict[str, np.ndarray]:
    def load() -> Any:
        _check_memo(stream)
        return _StateDictUnpickler(stream).load()

    if load() != MAGIC_NUMBER:
        raise ValueError("it does not begin with PyTorch's magic number")
    _protocol, _system, state, keys = load(), load(), load(), load()
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in state.values()}
    storages = {}
    for key in keys:
        elements = int(np.frombuffer(stream.read(8), "<i8")[0])
        storages[key] = _read_storage(stream, elements, dtypes[key])
    arrays, total_bytes = {}, 0
    for name, tensor in state.items():
        arrays[name] = tensor.read(storages)
        total_bytes += arrays[name].nbytes
        if total_bytes > SIZE_LIMIT_BYTES:  # many tensors may share a storage
            raise ValueError("its tensors take over 1 GiB")
    return arrays


def _check_memo(stream: BinaryIO) -> None:
    """Refuses the next pickle if it gives an object a very high number.

    Python would make room for all lower numbers.
    """
    start = stream.tell()
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > MAX_OBJECTS:
            raise ValueError(f"it numbers an object {argument:,}")
    stream.seek(start)


def _read_storage(stream: BinaryIO, elements: int, dtype: str) -> np.ndarray:
    size_bytes = elements * np.dtype(dtype).itemsize
    if not 0 <= size_bytes <= SIZE_LIMIT_BYTES:
        raise ValueError(f"a storage claims {elements} elements")
    values = stream.read(size_bytes)
    if len(values) != size_bytes:
        raise ValueError(f"it ends after {len(values)} of a storage's {size_bytes} B")
    return np.frombuffer(values, dtype)
