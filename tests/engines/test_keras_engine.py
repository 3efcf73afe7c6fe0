from collections.abc import Iterator

import keras
import numpy as np
import pytest

from cnnxfer.engines.keras_engine import KerasEngine, computes_on_cpu


def test_batches_of_any_size_are_computed_in_order(
    model: keras.Model,
    batches: Iterator[np.ndarray],
    expected: np.ndarray,
) -> None:
    engine = KerasEngine(model, batch_size=8)
    assert (engine.image_size, engine.name, engine.precision) == (
        32,
        "keras",
        "float32",
    )
    answers = list(engine.run(batches))
    assert [len(rows) for rows in answers] == [8, 8, 3]
    np.testing.assert_allclose(np.concatenate(answers), expected[:19], atol=1e-5)


def test_few_images_are_not_padded_to_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    pixels = keras.Input((8, 8, 3))
    model = keras.Model(pixels, keras.layers.Flatten()(pixels))
    predict = model.predict_on_batch

    def record(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return predict(batch)

    monkeypatch.setattr(model, "predict_on_batch", record)
    engine = KerasEngine(model)
    blacks = [np.zeros((count, 8, 8, 3), np.uint8) for count in (2, 1, 2)]
    assert [len(rows) for rows in engine.run(blacks)] == [2, 1, 2]
    assert sizes == [2, 2, 2]  # and none is compiled anew


def test_a_batch_is_read_after_the_previous_output_was_taken(
    model: keras.Model, photos: np.ndarray
) -> None:
    asked = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal asked
        while True:
            asked += 1
            yield photos[:2]

    answers = KerasEngine(model).run(endless())
    for _ in range(3):
        next(answers)
    assert asked == 3


def test_accelerators_are_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    for devices, on_cpu in ((["cpu:0"], True), (["gpu:0", "gpu:1"], False)):
        monkeypatch.setattr(keras.distribution, "list_devices", lambda d=devices: d)
        assert computes_on_cpu() is on_cpu
