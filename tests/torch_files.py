"""Writes files of weights as PyTorch does, and others that it never would."""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cnnxfer.backbones.torch_checkpoint import MAGIC_NUMBER


class Name:
    """A name that a pickle refers to, whether it exists here or not."""

    def __init__(self, module: str, name: str) -> None:
        self.path = f"{module}\n{name}\n"

    def __call__(self) -> None:
        """Pickle wants what it is to call to be callable."""


class Storage:
    """What a tensor's values are kept in."""

    def __init__(
        self,
        values: np.ndarray,
        key: str = "0",
        kind: object = None,
        elements: int | None = None,
    ) -> None:
        kinds = {"float32": "FloatStorage", "int64": "LongStorage"}
        self.values, self.key = values, key
        self.kind = kind or Name("torch", kinds[str(values.dtype)])
        self.elements = values.size if elements is None else elements


class Tensor:
    """A tensor, which a pickle rebuilds by a call of a function of PyTorch."""

    def __init__(
        self,
        storage: Storage,
        shape: tuple[Any, ...],
        strides: tuple[Any, ...],
        offset: int = 0,
        rebuild: str = "_rebuild_tensor_v2",
    ) -> None:
        self.storage = storage
        gradient = (False, OrderedDict()) if rebuild == "_rebuild_tensor_v2" else ()
        arguments = (storage, offset, shape, strides, *gradient)
        self.call = Name("torch._utils", rebuild), arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class _Pickler(pickle._Pickler):  # type: ignore[misc,name-defined]
    view: tuple[None, ...] = ()

    def save(self, item: Any, save_persistent_id: bool = True) -> None:
        if isinstance(item, Name):
            self.write(pickle.GLOBAL + item.path.encode())
        else:
            super().save(item, save_persistent_id)

    def persistent_id(self, item: object) -> object:
        if not isinstance(item, Storage):
            return None
        return ("storage", item.kind, item.key, "cpu", item.elements, *self.view)


class _LegacyPickler(_Pickler):
    view = (None,)


def write_zip(
    path: Path,
    state: object,
    storages: list[Storage],
    parts: Mapping[str, bytes] = {"byteorder": b"little"},
) -> Path:
    """Writes today's format: what is pickled, and the storages that it refers to."""
    stream = io.BytesIO()
    _Pickler(stream, protocol=2).dump(state)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        for name, content in parts.items():
            archive.writestr(f"archive/{name}", content)
        for storage in storages:
            archive.writestr(f"archive/data/{storage.key}", storage.values.tobytes())
        archive.writestr("archive/version", b"3\n")
    return path


def write_legacy(
    path: Path, state: object, storages: list[Storage], magic: int = MAGIC_NUMBER
) -> Path:
    """Writes the format of PyTorch before 1.6."""
    stream = io.BytesIO()
    keys = [storage.key for storage in storages]
    for item in (magic, 1001, {"little_endian": True}, state, keys):
        _LegacyPickler(stream, protocol=2).dump(item)
    for storage in storages:
        stream.write(np.int64(storage.values.size).tobytes())
        stream.write(storage.values.tobytes())
    path.write_bytes(stream.getvalue())
    return path


def write_weights(path: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    """Writes arrays by their names, as a state dictionary of today's PyTorch."""
    state, storages = OrderedDict(), []
    for key, (name, values) in enumerate(tensors.items()):
        storages.append(Storage(values, str(key)))
        steps = tuple(step // values.itemsize for step in values.strides)
        state[name] = Tensor(storages[-1], values.shape, steps)
    return write_zip(path, state, storages)
