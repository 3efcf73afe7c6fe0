"""The process that explains: its limits, its end, and what it is never asked."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.serving import explainer
from cnnxfer.serving.explainer import MOST_WAITING, Explainer, explains
from cnnxfer.serving.refusals import Refusal
from cnnxfer.serving.served_model import Version

# A process that does what its image says.
CHILD = """
import os, sys, time
import numpy as np
from cnnxfer.data.decoding.child import read_record, write_record
while True:
    job, image = read_record(sys.stdin.buffer)
    word, answer = image.tobytes(), {}
    if word == b"no layer":
        answer = {"failure": "/secret/run has no such layer"}
    if word == b"slow":
        time.sleep(60)
    if word == b"crash":
        print("no layer of luck", file=sys.stderr, flush=True)
        os.abort()
    if word == b"broken":
        answer, image = {"error": "truncated JPEG"}, None
    if word == b"who":
        image = np.frombuffer(str(os.getpid()).encode(), np.uint8)
    write_record(sys.stdout.buffer, answer, image)
"""


def version(kind: str = "classes", exported: bool = False) -> Version:
    source = SimpleNamespace(place="some", files=(), exported=exported)
    return cast(Version, SimpleNamespace(kind=kind, source=source, stamp=()))


@pytest.fixture
def reporter() -> RecordingReporter:
    return RecordingReporter()


@pytest.fixture
def opened(
    monkeypatch: pytest.MonkeyPatch, reporter: RecordingReporter
) -> Iterator[Callable[..., Explainer]]:
    """Opens explainers, and closes them."""
    command = [sys.executable, "-c", CHILD]
    monkeypatch.setattr(explainer, "python_command", lambda module: command)
    found: list[Explainer] = []

    def opened(**limits: Any) -> Explainer:
        found.append(Explainer(1000, reporter, **limits))
        return found[-1]

    yield opened
    for each in found:
        each.close()


def explained(asked: Explainer, image: bytes) -> bytes:
    return anyio.run(asked.explain, version(), None, image)


def refusal(asked: Explainer, image: bytes) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        explained(asked, image)
    return caught.value.status, caught.value.message


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_explains_until_it_is_idle(
    opened: Callable[..., Explainer],
) -> None:
    asked = opened(idle_seconds=0.5)
    process = int(explained(asked, b"who"))
    assert int(explained(asked, b"who")) == process
    end = time.monotonic() + 10
    while is_there(process):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert int(explained(asked, b"who")) != process


def test_it_ends_with_the_server(opened: Callable[..., Explainer]) -> None:
    asked = opened()
    process = int(explained(asked, b"who"))
    asked.close()
    assert not is_there(process)
    assert refusal(asked, b"who") == (503, "the server ends.")


def test_another_process_follows_one_that_failed(
    opened: Callable[..., Explainer], reporter: RecordingReporter
) -> None:
    asked = opened()
    assert refusal(asked, b"broken") == (
        422,
        "the image cannot be read: truncated JPEG.",
    )
    status, message = refusal(asked, b"crash")
    assert status == 503
    assert "the process that explains was ended (SIGABRT)" in message
    assert "luck" not in message
    assert reporter.warnings[-1].endswith("(SIGABRT). no layer of luck")
    assert explained(asked, b"good") == b"good"
    asked.seconds_each = 1
    assert refusal(asked, b"slow") == (503, "the image is not explained: over 1 s.")
    asked.seconds_each = 60
    assert explained(asked, b"good") == b"good"


def test_the_server_alone_is_told_of_its_files(
    opened: Callable[..., Explainer], reporter: RecordingReporter
) -> None:
    expected = "it cannot be explained; the server's messages say why."
    assert refusal(opened(), b"no layer") == (503, expected)
    assert reporter.warnings == ["/secret/run has no such layer"]


def test_no_image_gets_the_rest_of_the_answer_to_another(
    opened: Callable[..., Explainer],
    reporter: RecordingReporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError

    asked = opened()
    with monkeypatch.context() as patch:
        patch.setattr(explainer, "read_record", fail)
        assert refusal(asked, b"good")[0] == 503
    assert reporter.warnings == ["an image is not explained: too little memory"]
    assert explained(asked, b"better") == b"better"


def test_few_may_wait(opened: Callable[..., Explainer]) -> None:
    asked, answers = opened(), []

    async def ask(image: bytes) -> None:
        try:
            answers.append(await asked.explain(version(), None, image))
        except Refusal as error:
            answers.append(error)

    async def ask_many() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(MOST_WAITING + 1):
                group.start_soon(ask, b"good")

    anyio.run(ask_many)
    (refused,) = [each for each in answers if isinstance(each, Refusal)]
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert answers.count(b"good") == MOST_WAITING


@pytest.mark.parametrize(
    ("kind", "exported", "expected"),
    [
        ("classes", False, True),
        ("classes", True, False),
        ("objects", False, False),
        ("masks", False, False),
    ],
)
def test_classes_in_keras_are_explained(
    kind: str, exported: bool, expected: bool
) -> None:
    assert explains(version(kind, exported)) is expected
