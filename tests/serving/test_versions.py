"""Newer versions of a model take over without a lost request, and servers end so."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from served import RED, Served, serving
from small_exports import write_export

import cnnxfer
from cnnxfer.files import write_text
from cnnxfer.serving import served_model

OTHERS = ("crimson", "lime", "navy")


@pytest.fixture(autouse=True)
def _watched_closely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_model.Watch, "SECONDS", 0.05)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60  # passes at once, unless the machine is busy
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def version(served: Served) -> int:
    state = served.client.get("/v2/models/colours").json()
    return int(state["versions"][0])


def test_a_newer_version_takes_over_while_clients_ask(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "colours")
    answers: list[httpx.Response] = []
    lost: list[Exception] = []
    with serving(str(folder)) as served:
        asking = True

        def ask() -> None:
            try:
                while asking:
                    answers.append(served.client.post("/predict", content=RED))
            except Exception as error:
                lost.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            wait_for(lambda: len(answers) > 5)
            write_export(folder, names=OTHERS)
            wait_for(lambda: version(served) > 1)
            seen = len(answers)
            wait_for(lambda: len(answers) > seen + 20)
        finally:
            asking = False
            for thread in threads:
                thread.join()
    assert lost == []
    assert {answer.status_code for answer in answers} == {200}
    found = {
        (answer.json()["version"], answer.json()["predictions"][0]["label"])
        for answer in answers
    }
    # Each answer tells the version that it is of.
    assert found == {("1", "red"), ("2", "crimson")}


def test_a_version_that_cannot_be_opened_is_told_once(tmp_path: Path) -> None:
    folder = write_export(tmp_path / "colours")
    weights, manifest = folder / "model.xml", folder / "cnnxfer.json"
    whole, told = weights.read_bytes(), manifest.read_text()
    with serving(str(folder)) as served:
        for damage in (
            lambda: write_text(weights, "<net/>"),  # at once, so that it is one change
            lambda: write_text(manifest, "{"),
            lambda: manifest.unlink(),
        ):
            before = len(served.reporter.warnings)
            damage()
            wait_for(lambda before=before: len(served.reporter.warnings) > before)
            time.sleep(0.4)
            (warning,) = served.reporter.warnings[before:]
            assert "version 1 goes on" in warning
            answer = served.client.post("/predict", content=RED)
            assert answer.json()["predictions"][0]["label"] == "red"
        weights.write_bytes(whole)
        manifest.write_text(told)
        write_export(folder, names=OTHERS)
        wait_for(lambda: version(served) == 2)


@pytest.mark.parametrize("error", [KeyError("a bug"), MemoryError()])
def test_a_version_that_failed_for_a_passing_reason_is_tried_again(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_export(tmp_path / "colours")
    with serving(str(folder)) as served:
        with monkeypatch.context() as patch:

            def fail(*arguments: object) -> None:
                raise error

            patch.setattr(served_model, "LiveModel", fail)
            write_export(folder, names=OTHERS)
            wait_for(lambda: bool(served.reporter.warnings))
        wait_for(lambda: version(served) == 2)


def test_files_are_read_once_for_each_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_export(tmp_path / "colours")
    looks: list[object] = []
    find_model = served_model.find_model

    def counted(*arguments: object) -> object:
        looks.append(arguments)
        return find_model(*arguments)

    with serving(str(folder)) as served:
        monkeypatch.setattr(served_model, "find_model", counted)
        time.sleep(0.3)
        assert not looks
        write_text(folder / "cnnxfer.json", "{")
        wait_for(lambda: bool(served.reporter.warnings))
        time.sleep(0.3)
        assert len(looks) == 1


def test_what_is_written_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_export(tmp_path / "colours")
    find_model = served_model.find_model
    with serving(str(folder)) as served:
        found = find_model(folder)

        def find_late(*arguments: object) -> object:
            write_export(folder, names=OTHERS)
            monkeypatch.setattr(served_model, "find_model", find_model)
            return found

        monkeypatch.setattr(served_model, "find_model", find_late)
        os.utime(folder / "cnnxfer.json")
        wait_for(lambda: version(served) > 1)
        answer = served.client.post("/predict", content=RED)
        assert answer.json()["predictions"][0]["label"] == "crimson"


def test_sigterm_ends_a_server_after_what_it_took(colours: Path) -> None:
    command = [sys.executable, "-m", "cnnxfer", "serve", str(colours), "--port", "0"]
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert server.stdout
    try:
        for line in server.stdout:
            if "ready: " in line:
                address = line.split("ready: ")[1].strip()
                break
        with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
            assert client.get("/v2/health/ready").status_code == 200
            pieces = iter([RED[:100]])

            def slowly() -> object:
                yield next(pieces)
                server.send_signal(signal.SIGTERM)
                time.sleep(0.5)  # the server has begun to end
                yield RED[100:]

            answer = client.post("/predict", content=slowly())
        assert answer.json()["predictions"][0]["label"] == "red"
        assert answer.headers["connection"] == "close"
        assert server.wait(20) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/v2", trust_env=False)
    finally:
        server.kill()
        rest = server.communicate()[1]
    assert "Traceback" not in rest


def test_a_signal_is_heard_as_soon_as_models_answer(colours: Path) -> None:
    guard = threading.Timer(30, os.kill, (os.getpid(), signal.SIGTERM))
    guard.start()
    cnnxfer.serve(
        colours,
        port=0,
        reporter=None,
        on_ready=lambda address: signal.raise_signal(signal.SIGTERM),
    )
    assert not guard.finished.is_set()
    guard.cancel()
