from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cnnxfer.doctor import machine
from cnnxfer.doctor.machine import Machine
from cnnxfer.hardware.processor import Memory, Processor


def examine(runs_dir: Path = Path("runs"), *, offline: bool = True) -> Machine:
    return machine.examine(runs_dir, offline=offline)


def test_examining_is_light() -> None:
    check = (
        "import sys; from pathlib import Path; "
        "from cnnxfer.doctor.machine import examine; "
        "examine(Path('runs'), offline=True); "
        "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


def test_versions_are_those_installed() -> None:
    import keras
    import openvino
    import tensorflow

    packages = examine().packages
    assert openvino.__version__.startswith(packages["openvino"] or "none")
    assert packages["keras"] == keras.__version__
    assert packages["tensorflow"] == tensorflow.__version__


def test_network_is_asked_only_if_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        asked.append(address)
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", connect)
    assert examine(offline=True).network is None
    assert asked == []
    assert examine(offline=False).network is True
    assert asked == [("storage.googleapis.com", 443)]


def test_a_mirror_is_asked_in_place_of_the_usual_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        asked.append(address)
        raise OSError("no route to host")

    monkeypatch.setenv("CNNXFER_WEIGHTS_MIRROR", "http://mirror.example:8080/keras/")
    monkeypatch.setattr(socket, "create_connection", refuse)
    found = examine(offline=False)
    assert asked == [("mirror.example", 8080)]
    assert (found.weights_host, found.network) == ("mirror.example", False)


def test_network_that_refuses_or_keeps_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: tuple[str, int], timeout: float) -> socket.socket:
        raise OSError("no route to host")

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert examine(offline=False).network is False

    release = threading.Event()
    monkeypatch.setattr(
        socket, "create_connection", lambda address, timeout: release.wait(20)
    )
    monkeypatch.setattr(machine, "NETWORK_SECONDS", 0.1)
    start = time.monotonic()
    assert examine(offline=False).network is False
    assert time.monotonic() - start < 5
    release.set()


def test_what_cannot_be_read_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError("not for you")

    for function in (
        "hardware.packages.metadata.requires",
        "hardware.packages.metadata.metadata",
        "hardware.gpus.shutil.which",
        "doctor.folders.shutil.disk_usage",
        "hardware.processor.os.sched_getaffinity",
        "doctor.folders.os.scandir",
        "doctor.local_weights.find_weights",
        "hardware.processor.Path.read_text",
    ):
        monkeypatch.setattr(f"cnnxfer.{function}", refuse, raising=False)
    found = examine()
    assert found.missing is None
    assert found.extras is None
    assert found.gpus is None
    assert found.cuda_libraries is None
    assert found.weights is None
    assert {folder.free_bytes for folder in found.folders} == {None}
    if sys.platform == "linux":
        assert found.processor == Processor()
        assert found.memory == Memory()
