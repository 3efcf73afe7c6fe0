"""The process that explains: it draws heat maps for its parent, `explainer`.

It alone has Keras and TensorFlow. Jobs come on its standard input, and answers leave on
its standard output, both as the records of `data.decoding`.
"""

from __future__ import annotations

import io
import signal
import sys
import traceback
from contextlib import ExitStack
from typing import Any

import numpy as np

from cnnxfer.child_process import be_the_first_to_be_killed
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.decoding.child import (
    Record,
    claimed,
    exit_when_closed,
    read_record,
    write_record,
)
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.errors import CnnxferError
from cnnxfer.evaluation.explanations.drawing import panels
from cnnxfer.evaluation.explanations.explain import explanations
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.explainable import open_mapper
from cnnxfer.prediction.heat import MAX_SIDE
from cnnxfer.prediction.model_source import find_model
from cnnxfer.prediction.request import PredictionRequest
from cnnxfer.reporting import SilentReporter
from cnnxfer.serving.images import encoded_source


def main() -> None:
    """Explains images until the parent closes this process's standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    be_the_first_to_be_killed()
    with claimed(sys.stdin, "rb") as jobs, claimed(sys.stdout, "wb") as records:
        exit_when_closed(jobs)
        models = _Models()
        while True:
            job, content = read_record(jobs)
            assert content is not None
            try:
                record = models.explained(job, content.tobytes())
            except CnnxferError as error:
                record = {"failure": str(error)}, None
            except Exception:
                record = {"bug": traceback.format_exc()}, None
            write_record(records, *record)


class _Models:
    """Explains with models, of which the one that was asked last is open."""

    def __init__(self) -> None:
        self._key: Any = None
        self._open = ExitStack()

    def explained(self, job: dict[str, Any], content: bytes) -> Record:
        """Returns a PNG, or the reason why the image cannot be read."""
        key = job["model"], job["stamp"], job["max_pixels"]
        if key != self._key:
            self._key = None
            self._open.close()
            self._change_to(job)
            self._key = key
        request = PredictionRequest(
            iter([encoded_source("image", content)]),
            1,
            self._classifier,
            SilentReporter(),
            PassedOver(),
        )
        (found,) = explanations(request, self._mapper, job["classes"], 1, None)
        if found.prediction.error:
            return {"error": found.prediction.error}, None
        _, (picture, _) = panels(found, MAX_SIDE)
        if picture is None:
            return {"error": "it cannot be drawn"}, None
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        return {}, np.frombuffer(stream.getvalue(), np.uint8)

    def _change_to(self, job: dict[str, Any]) -> None:
        source = find_model(job["model"])
        options = ClassifierOptions(max_pixels=job["max_pixels"])
        self._mapper = open_mapper(source, "grad-cam", None, SilentReporter())
        self._classifier = Classifier(source, options, SilentReporter())
        self._open.callback(self._classifier.close)
