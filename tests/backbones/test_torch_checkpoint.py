import io
import os
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnxfer.backbones import torch_checkpoint
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.torch_checkpoint import MAGIC_NUMBER, read_checkpoint
from cnnxfer.backbones.weights import find_weights
from cnnxfer.errors import DataError

VALUES = np.arange(12, dtype="<f4")


class Storage:
    """A storage, to which `Pickler` writes a reference."""

    def __init__(self, key: str = "1", kind: str = "FloatStorage") -> None:
        self.key = key
        self.kind = kind


class Tensor:
    """A tensor that is pickled as PyTorch does it."""

    def __init__(
        self,
        shape: tuple[Any, ...] = (3, 4),
        strides: tuple[Any, ...] = (4, 1),
        offset: int = 0,
        storage: Storage | None = None,
    ) -> None:
        self.arguments = (offset, shape, strides, False, OrderedDict())
        self.storage = storage or Storage()

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, *self.arguments)


class Pickler(pickle.Pickler):
    def persistent_id(self, item: object) -> object:
        if not isinstance(item, Storage):
            return None
        kind = getattr(sys.modules["torch"], item.kind, item.kind)
        return ("storage", kind, item.key, "cpu", len(VALUES), None)


class Call:
    """An object that calls a function when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.fixture(autouse=True)
def _pretend_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Defines the names that pickle looks up while it writes."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "DoubleStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    utils._rebuild_tensor_v2 = lambda *_: None
    utils._rebuild_tensor_v2.__module__ = "torch._utils"
    utils._rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def written(path: Path, state: object, magic: int = MAGIC_NUMBER) -> Path:
    stream = io.BytesIO()
    for item in (magic, 1001, {"little_endian": True}, state, ["1"]):
        Pickler(stream, protocol=2).dump(item)
    stream.write(np.int64(len(VALUES)).tobytes() + VALUES.tobytes())
    path.write_bytes(stream.getvalue())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not a PyTorch state dictionary that can be ")
    return message


def test_tensors_are_read_with_their_strides_and_offsets(tmp_path: Path) -> None:
    state = OrderedDict(
        whole=Tensor(),
        transposed=Tensor((4, 3), (1, 4)),
        part=Tensor((2, 2), (4, 1), offset=5),
        scalar=Tensor((), (), offset=7),
        nothing=Tensor((0, 4), (4, 1)),
    )
    tensors = read_checkpoint(written(tmp_path / "x.pth", state))
    whole = VALUES.reshape(3, 4)
    assert list(tensors) == list(state)
    np.testing.assert_array_equal(tensors["whole"], whole)
    np.testing.assert_array_equal(tensors["transposed"], whole.T)
    np.testing.assert_array_equal(tensors["part"], whole[1:, 1:3])
    assert tensors["scalar"] == 7
    assert tensors["nothing"].shape == (0, 4)
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype("<f4")}


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {marker}",), "posix.system"),
        (eval, ("open({marker!r}, 'w')",), "__builtin__.eval"),
        (exec, ("open({marker!r}, 'w')",), "__builtin__.exec"),
        (getattr, (OrderedDict, "__init__"), "__builtin__.getattr"),
        (__import__, ("os",), "__builtin__.__import__"),
        (np.frombuffer, (b"",), "numpy"),
    ],
)
def test_pickled_calls_of_other_functions_are_refused(
    tmp_path: Path, function: Callable[..., Any], arguments: tuple[Any, ...], name: str
) -> None:
    marker = tmp_path / "marker"
    arguments = tuple(
        item.format(marker=str(marker)) if isinstance(item, str) else item
        for item in arguments
    )
    # First, that it would have run.
    call = Call(function, *arguments)
    pickle.loads(pickle.dumps(call))
    written_before = marker.exists()
    marker.unlink(missing_ok=True)
    for state in (OrderedDict(x=call), OrderedDict(x=Tensor((call,)))):
        path = written(tmp_path / "x.pth", state)
        assert f"it refers to {name}" in refusal(path)
        assert not marker.exists()
    assert written_before == ("marker" in str(arguments))


@pytest.mark.parametrize(
    "name", [b"collections\nOrderedDict.fromkeys", b"torch\n_utils", b"os\nsystem"]
)
def test_names_other_than_the_allowed_ones_are_refused(
    tmp_path: Path, name: bytes
) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(b"c" + name + b"\n.")
    assert "it refers to " + name.decode().replace("\n", ".") in refusal(path)


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor((3, 5), (5, 1)),
        Tensor((12,), (1,), offset=1),
        Tensor((12,), (2,)),
        Tensor((1,), (1,), offset=12),
        Tensor((1,), (1,), offset=-1),
        Tensor((2,), (-1,), offset=3),
        Tensor((-1,), (1,)),
        Tensor((10**12,), (0,)),  # would take memory, not time
    ],
    ids=lambda tensor: str(tensor.arguments[:3]),
)
def test_a_tensor_outside_its_storage_is_refused(
    tmp_path: Path, tensor: Tensor
) -> None:
    path = written(tmp_path / "x.pth", OrderedDict(x=tensor))
    assert "a tensor lies outside its storage" in refusal(path)


@pytest.mark.parametrize(
    "state",
    [
        OrderedDict(x=Tensor(storage=Storage("2"))),
        OrderedDict(x=Tensor(storage=Storage(kind="DoubleStorage"))),
        OrderedDict(x=Tensor(storage=Storage(kind="<i2"))),
        OrderedDict(x=Tensor((3, 4), (4,))),
        OrderedDict(x=Tensor(("3",), (1,))),
        OrderedDict(x=3),
        [Tensor()],
        None,
    ],
    ids=["storage", "kind", "dtype", "rank", "type", "number", "list", "none"],
)
def test_anything_but_a_state_dictionary_is_refused(
    tmp_path: Path, state: object
) -> None:
    refusal(written(tmp_path / "x.pth", state))


def test_tensors_that_share_a_storage_are_counted_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Tensor()
    path = written(
        tmp_path / "x.pth", OrderedDict({str(i): shared for i in range(999)})
    )
    assert len(read_checkpoint(path)) == 999
    # The file has 11 kB, and its tensors 48 kB.
    monkeypatch.setattr(torch_checkpoint, "SIZE_LIMIT_BYTES", 20_000)
    assert "its tensors take over 1 GiB" in refusal(path)


def test_a_pickle_that_numbers_objects_too_high_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(b"Nr" + (2**32 - 1).to_bytes(4, "little") + b".")  # 64 GB of room
    assert "it numbers an object 4,294,967,295" in refusal(path)
    path.write_bytes(b"Np4294967295\n.")
    assert "it numbers an object 4,294,967,295" in refusal(path)


def test_other_file_formats_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.pth", OrderedDict(), magic=1)
    assert "PyTorch's magic number" in refusal(path)
    path.write_bytes(b"PK\x03\x04 a zip file, as PyTorch writes them now")
    assert "Expected one in PyTorch's older, non-zip format." in refusal(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "x.pth", OrderedDict(x=Tensor())).read_bytes()
    path = tmp_path / "short.pth"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refusal(path)
    path.write_bytes(whole[:-1])
    assert "it ends after 47 of a storage's 48 B" in refusal(path)


def test_the_checkpoint_of_the_built_in_backbone_can_be_read() -> None:
    path = find_weights(BACKBONES.get("efficientnet-lite0"), include_top=True)
    assert path
    tensors = read_checkpoint(path)
    assert len(tensors) == 296
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
