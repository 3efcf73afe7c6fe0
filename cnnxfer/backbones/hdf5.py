"""Checks of HDF5 files of weights, before the tensors in them are read."""

from typing import Any

import h5py

from cnnxfer.files import format_bytes

# Filters that keep the size: they reorder the bytes, or add a checksum.
_SAFE_FILTERS = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32)


def hdf5_problem(file: h5py.File, limit_bytes: int) -> str:
    """Describes what a file of weights holds and Keras never writes; "" if nothing.

    Links and tensors in other files could lead to any file. Compressed tensors, and
    those of which only the shape is stored, take far more memory than the file.

    Args:
        file: an open file; no tensor of it is read.
        limit_bytes: how much memory all its tensors together may take.

    Returns:
        A verb phrase, such as "holds compressed tensors".
    """
    return _link_problem(file) or _tensor_problem(tensors_of(file), limit_bytes)


def tensors_of(file: h5py.File) -> list[h5py.Dataset]:
    """Returns all tensors of a file, of which none is read."""
    tensors: list[h5py.Dataset] = []

    def collect(_name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            tensors.append(item)

    file.visititems(collect)
    return tensors


def too_large(limit_bytes: int) -> str:
    """Returns the problem of a file, or of the tensors in it, over the limit."""
    return f"holds more than the limit of {format_bytes(limit_bytes)}"


def _link_problem(file: h5py.File) -> str:
    def describe(name: str, link: Any) -> str | None:
        if isinstance(link, h5py.HardLink):
            return None
        return f"holds a link, {name!r}, which no published file does"

    return file.visititems_links(describe) or ""


def _tensor_problem(tensors: list[h5py.Dataset], limit_bytes: int) -> str:
    if any(tensor.external or tensor.is_virtual for tensor in tensors):
        return "keeps tensors in other files, which no published file does"
    if any(map(_is_compressed, tensors)):
        return "holds compressed tensors; unpack it with: h5repack -f NONE IN OUT"
    if sum(tensor.nbytes for tensor in tensors) > limit_bytes:
        return too_large(limit_bytes)
    if any(tensor.id.get_storage_size() < tensor.nbytes for tensor in tensors):
        return "holds shapes without the values, which no published file does"
    return ""


def _is_compressed(tensor: h5py.Dataset) -> bool:
    settings = tensor.id.get_create_plist()
    filters = (settings.get_filter(i)[0] for i in range(settings.get_nfilters()))
    return any(code not in _SAFE_FILTERS for code in filters)
