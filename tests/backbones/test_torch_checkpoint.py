import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_files import Name, Storage, Tensor, write_legacy, write_weights, write_zip

from cnnxfer.backbones import torch_checkpoint
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.torch_checkpoint import MAX_OPCODES, read_checkpoint
from cnnxfer.backbones.weights import find_weights
from cnnxfer.errors import DataError

VALUES = np.arange(12, dtype="<f4")
STORAGE = Storage(VALUES)
Writer = Callable[[Path, object], Path]


class Call:
    """An object that calls a function when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def tensor(
    shape: tuple[Any, ...] = (3, 4),
    strides: tuple[Any, ...] = (4, 1),
    offset: int = 0,
    storage: Storage = STORAGE,
    **options: str,
) -> Tensor:
    return Tensor(storage, shape, strides, offset, **options)


@pytest.fixture(params=[write_zip, write_legacy])
def written(request: pytest.FixtureRequest) -> Writer:
    """Writes a state of tensors in `VALUES`, in each of the two formats."""
    return lambda path, state: request.param(path, state, [STORAGE])


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"{path} is not a PyTorch state dictionary that can be ")
    assert message.endswith("Expected a file of torch.save(model.state_dict(), FILE).")
    assert len(message.splitlines()) == 1
    return message


def test_tensors_are_read_with_their_strides_and_offsets(
    tmp_path: Path, written: Writer
) -> None:
    state = OrderedDict(
        whole=tensor(),
        transposed=tensor((4, 3), (1, 4)),
        part=tensor((2, 2), (4, 1), offset=5),
        scalar=tensor((), (), offset=7),
        nothing=tensor((0, 4), (4, 1)),
    )
    tensors = read_checkpoint(written(tmp_path / "x.pth", state))
    whole = VALUES.reshape(3, 4)
    assert list(tensors) == list(state)
    np.testing.assert_array_equal(tensors["whole"], whole)
    np.testing.assert_array_equal(tensors["transposed"], whole.T)
    np.testing.assert_array_equal(tensors["part"], whole[1:, 1:3])
    assert tensors["scalar"] == 7
    assert tensors["scalar"].shape == ()
    assert tensors["nothing"].shape == (0, 4)
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype("<f4")}


def test_what_earlier_releases_wrote_is_read(tmp_path: Path, written: Writer) -> None:
    plain = tensor(rebuild="_rebuild_tensor")  # before 0.4
    named = OrderedDict(
        plain=plain,
        rebuilt=Call(Name("torch._utils", "_rebuild_parameter"), plain, True, {}),
    )
    # A Parameter of 2017 has a state, and Python 2 wrote a dictionary as a list.
    state = True, False, OrderedDict()
    tensors = read_checkpoint(written(tmp_path / "x.pth", named))
    assert all((each == VALUES.reshape(3, 4)).all() for each in tensors.values())

    class Parameter:
        def __reduce__(self) -> tuple[Any, ...]:
            return Name("torch.nn.parameter", "Parameter"), (plain,), state

    pairs = Call(Name("collections", "OrderedDict"), [["x", Parameter()]])
    (found,) = read_checkpoint(written(tmp_path / "x.pth", pairs)).values()
    np.testing.assert_array_equal(found, VALUES.reshape(3, 4))


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
    tmp_path: Path,
    written: Writer,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    name: str,
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
    for state in (OrderedDict(x=call), OrderedDict(x=tensor((call,)))):
        path = written(tmp_path / "x.pth", state)
        assert f"it refers to '{name}" in refusal(path)
        assert not marker.exists()
    assert written_before == ("marker" in str(arguments))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("collections", "OrderedDict.fromkeys"),
        ("torch", "_utils"),
        ("os", "system"),
        ("torch.hub", "load_state_dict_from_url"),
        ("\x1b[2J" * 99, "x"),
    ],
)
def test_names_other_than_the_allowed_ones_are_refused(
    tmp_path: Path, written: Writer, module: str, name: str
) -> None:
    path = written(tmp_path / "x.pth", Name(module, name))
    assert f"it refers to {f'{module}.{name}'!r:.80}" in refusal(path)


@pytest.mark.parametrize(
    "outside",
    [
        tensor((3, 5), (5, 1)),
        tensor((12,), (1,), offset=1),
        tensor((12,), (2,)),
        tensor((1,), (1,), offset=12),
        tensor((1,), (1,), offset=-1),
        tensor((2,), (-1,), offset=3),
        tensor((-1,), (1,)),
        tensor((10**12,), (0,)),  # would take memory, not time
    ],
    ids=lambda outside: str(outside.call[1][1:4]),
)
def test_a_tensor_outside_its_storage_is_refused(
    tmp_path: Path, written: Writer, outside: Tensor
) -> None:
    path = written(tmp_path / "x.pth", OrderedDict(x=outside))
    assert "a tensor lies outside its storage" in refusal(path)


@pytest.mark.parametrize(
    "state",
    [
        OrderedDict(x=tensor(storage=Storage(VALUES, "2"))),
        OrderedDict(x=tensor(storage=Storage(VALUES, "../data.pkl"))),
        OrderedDict(
            x=tensor(storage=Storage(VALUES, kind=Name("torch", "DoubleStorage")))
        ),
        OrderedDict(x=tensor(storage=Storage(VALUES, kind="<i2"))),
        OrderedDict(x=tensor(storage=Storage(VALUES, elements=11))),
        OrderedDict(x=tensor(storage=Storage(VALUES, elements=-12))),
        OrderedDict(x=tensor(), y=tensor(storage=Storage(VALUES.view("<i8")))),
        OrderedDict(x=tensor((3, 4), (4,))),
        OrderedDict(x=tensor(("3",), (1,))),
        OrderedDict(x=3),
        {"state_dict": OrderedDict(x=tensor())},
        {1: tensor()},
        [tensor()],
        None,
    ],
    ids=[
        *("key", "path", "kind", "dtype", "fewer", "negative", "two", "rank", "type"),
        *("number", "nested", "unnamed", "list", "none"),
    ],
)
def test_anything_but_a_state_dictionary_is_refused(
    tmp_path: Path, written: Writer, state: object
) -> None:
    refusal(written(tmp_path / "x.pth", state))


def test_tensors_that_share_a_storage_are_counted_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Writer
) -> None:
    shared = tensor()
    path = written(
        tmp_path / "x.pth", OrderedDict({str(i): shared for i in range(999)})
    )
    assert len(read_checkpoint(path)) == 999
    # The file has 11 kB, and its tensors 48 kB.
    monkeypatch.setattr(torch_checkpoint, "SIZE_LIMIT_BYTES", 20_000)
    assert "its tensors take over 1 GiB" in refusal(path)


# Puts None in a tuple, and then a tuple of twice the last one, 60 times.
TWICE = b"N\x85" + b"".join(bytes([*b"q", i, *b"h", i, 0x86]) for i in range(60))


@pytest.mark.parametrize(
    ("pickled", "reason"),
    [
        (b"Np4294967295\n.", "its pickle has PUT, which PyTorch never writes"),
        (b"}N" + b"\x85" * 200_000 + b"Ns.", "its pickle has more than 50,000 steps"),
        # To hash a tuple of twice a tuple of twice a tuple ... would take for ever.
        (b"}%bNs." % TWICE, "it has a key that is no name"),
        (b"}(%bNu." % TWICE, "it has a key that is no name"),
        (
            b"ccollections\nOrderedDict\n]%bN\x86a\x85R." % TWICE,
            "it has a key that is no name",
        ),
        (
            b"cos\nsystem\n" + b"0" * 10 + b".",
            "its pickle has POP, which PyTorch never writes",
        ),
    ],
    ids=["text", "depth", "key", "keys", "pair", "other"],
)
def test_a_pickle_that_would_take_for_ever_or_all_memory_is_refused(
    tmp_path: Path, pickled: bytes, reason: str
) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(pickled)
    assert reason in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
    assert reason in refusal(path)


def test_a_pickle_that_copies_a_list_again_and_again_is_refused(
    tmp_path: Path, written: Writer
) -> None:
    pairs = [[str(i), None] for i in range(1000)]
    copies = [Call(Name("collections", "OrderedDict"), pairs) for _ in range(999)]
    assert len(pairs) * len(copies) > MAX_OPCODES
    assert "it makes too many dictionaries" in refusal(
        written(tmp_path / "x.pth", copies)
    )


def test_other_file_formats_are_refused(tmp_path: Path) -> None:
    path = write_legacy(tmp_path / "x.pth", OrderedDict(), [], magic=1)
    assert "PyTorch's magic number" in refusal(path)
    path.write_bytes(b"PK\x03\x04 no zip archive")
    assert "its parts are damaged" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "another archive")
    assert "it has 0 parts called data.pkl" in refusal(path)
    path.write_bytes(b"")
    assert "safely: " in refusal(path)


def test_bytes_in_another_order_are_refused(tmp_path: Path) -> None:
    state = OrderedDict(x=tensor())
    path = write_zip(tmp_path / "x.pth", state, [STORAGE], {"byteorder": b"big"})
    assert "its byte order is b'big', expected b'little'" in refusal(path)
    # Before PyTorch 2.1, there was none but one.
    read_checkpoint(write_zip(path, state, [STORAGE], {}))


def test_zip_archives_that_unpack_to_more_than_their_size_are_refused(
    tmp_path: Path,
) -> None:
    zeros = Storage(np.zeros(10_000_000, "<f4"))
    state = OrderedDict(x=Tensor(zeros, (10_000_000,), (1,)))
    path = write_zip(tmp_path / "x.pth", state, [zeros])
    with (
        zipfile.ZipFile(path) as plain,
        zipfile.ZipFile(tmp_path / "y.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert (tmp_path / "y.pth").stat().st_size < 100_000
    assert "compressed or lie in one another" in refusal(tmp_path / "y.pth")


def test_zip_archives_whose_parts_lie_in_one_another_are_refused(
    tmp_path: Path,
) -> None:
    path = write_zip(tmp_path / "x.pth", OrderedDict(x=tensor()), [STORAGE])
    content = path.read_bytes()
    index = content.index(b"PK\1\2")
    end = content.index(b"PK\5\6")
    copies = 100
    # The index lists each part a hundred times.
    listed = struct.unpack_from("<H", content, end + 10)[0] * copies
    record = struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, listed, listed, (end - index) * copies, index, 0
    )
    path.write_bytes(content[:index] + content[index:end] * copies + record)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.infolist()) == listed
    # In a small file, the index itself has more bytes than all parts.
    assert "it has 100 parts called data.pkl" in refusal(path)

    large = Storage(np.zeros(100_000, "<f4"))
    path = write_zip(path, OrderedDict(x=tensor(storage=large)), [large])
    content = path.read_bytes()
    index, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    record = struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, listed, listed, (end - index) * copies, index, 0
    )
    path.write_bytes(content[:index] + content[index:end] * copies + record)
    assert "compressed or lie in one another" in refusal(path)


def test_a_truncated_file_is_refused(tmp_path: Path, written: Writer) -> None:
    path = tmp_path / "x.pth"
    whole = written(path, OrderedDict(x=tensor())).read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refusal(path)
    path.write_bytes(whole[:-1])
    refusal(path)


def test_damaged_files_are_refused_or_read_as_tensors(
    tmp_path: Path, written: Writer
) -> None:
    path = tmp_path / "x.pth"
    state = OrderedDict(x=tensor(), y=tensor((2, 2), (4, 1), offset=5))
    whole = written(path, state).read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = np.frombuffer(whole, "u1").copy()
        places = random.integers(0, len(whole), random.integers(1, 5))
        damaged[places] = random.integers(0, 256, len(places))
        path.write_bytes(damaged.tobytes())
        try:
            tensors = read_checkpoint(path)
        except DataError:
            refused += 1
            refusal(path)
        else:
            assert all(isinstance(each, np.ndarray) for each in tensors.values())
    assert refused > 100


def test_changed_values_in_a_zip_archive_are_noticed(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "x.pth", {"x": VALUES})
    content = path.read_bytes()
    assert content.count(VALUES.tobytes()) == 1
    path.write_bytes(content.replace(VALUES.tobytes(), VALUES[::-1].tobytes()))
    assert "Bad CRC-32" in refusal(path)


def test_the_checkpoint_of_the_built_in_backbone_can_be_read() -> None:
    path = find_weights(BACKBONES.get("efficientnet-lite0"), include_top=True)
    assert path
    tensors = read_checkpoint(path)
    assert len(tensors) == 296
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
