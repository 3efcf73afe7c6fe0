import errno
import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import keras
import numpy as np
import pytest

from cnnxfer.engines import converted
from cnnxfer.engines.converted import convert, find_converted
from cnnxfer.engines.engine import FEATURES, Network
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import Reporter


def nothing() -> None:
    """Does nothing while a network is converted."""


def test_a_network_is_converted_once(
    network: Network, model: keras.Model, capfd: pytest.CaptureFixture[str]
) -> None:
    assert find_converted(network.key, Reporter()) is None
    directory = convert(network, lambda: model, nothing, Reporter())
    assert find_converted(network.key, Reporter()) == directory
    before = (directory / "model.bin").stat().st_mtime_ns
    os.utime(directory, (0, 0))
    assert convert(network, lambda: model, nothing, Reporter()) == directory
    assert (directory / "model.bin").stat().st_mtime_ns == before
    assert directory.stat().st_mtime > 0, "what is used is deleted last"
    assert capfd.readouterr() == ("", "")


def named(key: str) -> Network:
    return Network(key, 32, Mock(), FEATURES)


def truncate_model(directory: Path) -> None:
    path = directory / "model.bin"
    path.write_bytes(path.read_bytes()[:-1])


def flip_byte(directory: Path) -> None:
    path = directory / "model.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def remove_manifest(directory: Path) -> None:
    (directory / "manifest.json").unlink()


def garble_manifest(directory: Path) -> None:
    (directory / "manifest.json").write_bytes(b"\xff[]")


def let_others_write_it(directory: Path) -> None:
    (directory / "model.bin").chmod(0o666)


def let_others_write_the_directory(directory: Path) -> None:
    directory.chmod(0o777)


@pytest.mark.parametrize(
    "damage",
    [
        truncate_model,
        flip_byte,
        remove_manifest,
        garble_manifest,
        let_others_write_it,
        let_others_write_the_directory,
    ],
)
def test_a_damaged_conversion_is_not_used(
    network: Network, model: keras.Model, damage: Callable[[Path], None]
) -> None:
    directory = convert(network, lambda: model, nothing, Reporter())
    whole = (directory / "model.bin").read_bytes()
    damage(directory)
    assert find_converted(network.key, Reporter()) is None
    assert convert(network, lambda: model, nothing, Reporter()) == directory
    assert (directory / "model.bin").read_bytes() == whole


def test_a_damaged_conversion_that_cannot_be_removed_is_not_used(
    network: Network, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    truncate_model(convert(network, lambda: model, nothing, Reporter()))

    def refuse(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(converted.shutil, "rmtree", refuse)
    assert find_converted(network.key, Reporter()) is None
    with pytest.raises(ConfigError, match=r"cannot be removed \(permission denied\)"):
        convert(network, lambda: model, nothing, Reporter())


def test_an_interrupted_conversion_leaves_nothing(
    network: Network, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = keras.Model.export

    def interrupted(self: keras.Model, path: str, **options: object) -> None:
        export(self, path, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "export", interrupted)
        with pytest.raises(KeyboardInterrupt):
            convert(network, lambda: model, nothing, Reporter())
    assert find_converted(network.key, Reporter()) is None
    assert find_converted(network.key, Reporter()) is None
    assert convert(network, lambda: model, nothing, Reporter()) == find_converted(
        network.key, Reporter()
    )


def test_another_version_converts_again(
    network: Network, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(network, lambda: model, nothing, Reporter())
    monkeypatch.setattr(converted, "version", lambda name: "3.99")
    assert find_converted(network.key, Reporter()) is None
    monkeypatch.undo()
    monkeypatch.setattr(converted, "FORMAT", 99)
    assert find_converted(network.key, Reporter()) is None


def test_conversion_does_not_change_the_model(
    network: Network, model: keras.Model, photos: np.ndarray, expected: np.ndarray
) -> None:
    """The conversion does not change the model."""
    convert(network, lambda: model, nothing, Reporter())
    np.testing.assert_array_equal(model.predict_on_batch(photos), expected)


def test_the_least_recently_used_conversions_are_deleted(
    model: keras.Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path))
    names = ["oldest", "older", "old"]
    first, _, third = directories = [
        convert(named(name), lambda: model, nothing, Reporter()) for name in names
    ]
    for number, directory in enumerate(directories):
        os.utime(directory, (number, number))
    assert find_converted("oldest", Reporter()) == first  # which has been used just now
    size_bytes = sum(file.stat().st_size for file in first.iterdir())
    monkeypatch.setattr(converted, "CACHE_LIMIT_BYTES", int(3.5 * size_bytes))
    fourth = convert(named("new"), lambda: model, nothing, Reporter())
    left = {path for path in first.parent.iterdir() if not path.name.startswith(".")}
    assert left == {first, third, fourth}
    monkeypatch.setattr(converted, "CACHE_LIMIT_BYTES", 0)
    # What was asked for stays.
    fifth = convert(named("newest"), lambda: model, nothing, Reporter())
    left = {path for path in first.parent.iterdir() if not path.name.startswith(".")}
    assert left == {fifth}
