"""Servers to compare with, as people write them.

python -m bench.serving.baselines KIND PORT

`keras` decodes with Pillow and calls `model.predict` on each picture. `engine` has the
engine that cnnxfer has chosen, and answers one picture after the other.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

import cnnxfer
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import ensure_weights
from cnnxfer.reporting import Reporter

BACKBONE = "efficientnet-lite0"


def main() -> None:
    """Serves on the port that the second argument names."""
    kind, port = sys.argv[1:]
    answer = {"keras": keras_answer, "engine": engine_answer}[kind]()
    app = FastAPI()

    @app.post("/predict")
    async def predict(request: Request) -> object:
        return await run_in_threadpool(answer, await request.body())

    uvicorn.run(app, port=int(port), log_level="error")


def keras_answer() -> Callable[[bytes], object]:
    """Returns what answers with Keras, as in the documentation of both projects."""
    import numpy as np
    from PIL import Image

    from cnnxfer.backbones.imagenet import imagenet_classes
    from cnnxfer.networks.classifier import build_imagenet_classifier

    backbone = BACKBONES.get(BACKBONE)
    weights = ensure_weights(backbone, include_top=True, reporter=Reporter())
    model = build_imagenet_classifier(backbone, weights)
    names = [item.label for item in imagenet_classes()]
    size = (backbone.image_size, backbone.image_size)

    def answer(content: bytes) -> object:
        picture = Image.open(io.BytesIO(content)).convert("RGB").resize(size)
        (scores,) = model.predict(np.asarray(picture)[None], verbose=0)
        best = np.argsort(-scores)[:5]
        return [(names[place], float(scores[place])) for place in best]

    return answer


def engine_answer() -> Callable[[bytes], object]:
    """Returns what answers with an open classifier, one picture at a time."""
    classifier = cnnxfer.open_classifier(f"cnnxfer:{BACKBONE}")
    turn = threading.Lock()

    def answer(content: bytes) -> object:
        with turn:
            return classifier.predict([content])[0].as_json()

    return answer


if __name__ == "__main__":
    main()
