"""What clients are told where the server cannot answer, and of other versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest
from recording_reporter import RecordingReporter
from served import RED

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.decoding.single import SingleDecoder
from cnnxfer.errors import RunError
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.serving import live_model
from cnnxfer.serving.admission import Admission
from cnnxfer.serving.backend import Backend
from cnnxfer.serving.images import encoded_source
from cnnxfer.serving.refusals import Refusal
from cnnxfer.serving.served_model import ServedModel


@pytest.fixture
def model(colours: Path) -> Iterator[ServedModel]:
    model = ServedModel(
        "colours",
        str(colours),
        ClassifierOptions(),
        None,
        RecordingReporter(),
        lambda images: None,
    )
    yield model
    model.close()


def asked(model: ServedModel, version: str | None = None) -> list[Prediction]:
    backend = Backend({model.name: model}, Admission(8, 1000), 8, False)
    sources = [encoded_source("a.png", RED)]
    return anyio.run(backend.answer_all, model, sources, version)[1]


def no_process(*arguments: object) -> object:
    raise RunError("/usr/bin/python cannot be started")


def no_memory(*arguments: object) -> object:
    raise MemoryError


@pytest.mark.parametrize(
    ("holder", "name", "fail", "told"),
    [
        (SingleDecoder, "decode", no_process, "/usr/bin/python cannot be started"),
        (live_model, "answer_all", no_memory, "too little memory"),
    ],
)
def test_what_the_machine_lacks_is_told_to_come_again_for(
    model: ServedModel,
    monkeypatch: pytest.MonkeyPatch,
    holder: Any,
    name: str,
    fail: Callable[..., object],
    told: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(holder, name, fail)
        with pytest.raises(Refusal) as caught:
            asked(model)
    assert caught.value.status == 503
    assert int(caught.value.headers["Retry-After"]) >= 1
    assert "python" not in caught.value.message
    (warning,) = cast(RecordingReporter, model._reporter).warnings
    assert warning == f"colours: a request failed: {told}"
    assert asked(model)[0].label == "red"


def test_the_version_that_answers_is_the_one_that_was_asked(model: ServedModel) -> None:
    assert asked(model, "1")[0].label == "red"
    older = model.current

    async def predict(sources: object) -> tuple[object, list[Prediction]]:
        return SimpleNamespace(number=2), []

    swapped = SimpleNamespace(name="colours", current=older, predict=predict)
    with pytest.raises(Refusal, match=r"no version '1' of colours; there is: 2"):
        asked(cast(ServedModel, swapped), "1")
