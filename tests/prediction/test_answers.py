import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.data.images.source import ImageSource, file_source
from cnnxfer.prediction.answers import answer_in_order
from cnnxfer.prediction.heat_of_answers import add_cell_heat
from cnnxfer.tasks.answer import RankedClass


class Means:
    """An engine that answers with each view's mean, delayed by two batches."""

    name = "means"
    calibration = ""
    precision = "float32"
    image_size = 2

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        waiting = []
        for batch in batches:
            self.shapes.append(batch.shape)
            waiting.append(batch.mean((1, 2, 3), dtype=np.float32)[:, None])
            if len(waiting) > 2:
                yield waiting.pop(0)
        yield from waiting


def first(outputs: np.ndarray, picture: DecodedImage) -> np.ndarray:
    mean: np.ndarray = outputs.mean(axis=0)
    return mean


def picture(number: int, views: int = 1, width: int = 2) -> DecodedImage:
    pixels = np.full((views, 2, width, 3), number, np.uint8)
    return DecodedImage(file_source(str(number)), width=width, height=2, pixels=pixels)


def broken(number: int) -> DecodedImage:
    return DecodedImage(file_source(str(number)), error="not an image")


def test_answers_and_unreadable_images_are_in_order() -> None:
    unreadable = {0, 3, 4, 5, 6, 7, 11}
    pictures = [broken(n) if n in unreadable else picture(n) for n in range(12)]
    engine = Means(batch_size=2)
    answers = list(answer_in_order(engine, pictures, first))
    assert [answer.picture.source.name for answer in answers] == [
        str(n) for n in range(12)
    ]
    for number, answer in enumerate(answers):
        if number in unreadable:
            assert answer.picture.error == "not an image"
            assert answer.found is None
        else:
            assert answer.found == [number]
    assert engine.shapes == [(2, 2, 2, 3)] * 2 + [(1, 2, 2, 3)]


def test_the_views_of_an_image_may_be_in_several_batches() -> None:
    engine = Means(batch_size=4)
    pictures = [picture(n, views=n) for n in (1, 5, 3, 2)]
    answers = list(answer_in_order(engine, pictures, first))
    assert [answer.found for answer in answers] == [[1], [5], [3], [2]]
    assert [shape[0] for shape in engine.shapes] == [4, 4, 3]


def test_consecutive_images_of_the_same_shape_share_a_batch() -> None:
    engine = Means(batch_size=4)
    pictures = [picture(n, width=w) for n, w in enumerate((2, 2, 5, 5, 5, 2))]
    answers = list(answer_in_order(engine, pictures, first))
    assert [answer.found for answer in answers] == [[n] for n in range(6)]
    assert [shape[:3] for shape in engine.shapes] == [(2, 2, 2), (3, 2, 5), (1, 2, 2)]


def test_unreadable_images_do_not_wait_with_their_content() -> None:
    def unreadable() -> Iterator[DecodedImage]:
        for number in range(50):
            read = partial(bytes, bytes(1_000_000))
            source = ImageSource(str(number), read, here=True)
            yield DecodedImage(source, error="not an image")

    tracemalloc.start()
    answers = list(answer_in_order(Means(batch_size=4), unreadable(), first))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [answer.picture.source.name for answer in answers[48:]] == ["48", "49"]
    assert peak < 5_000_000


def test_images_that_keep_much_in_memory_do_not_wait_for_a_whole_batch() -> None:
    engine = Means(batch_size=8)
    source = ImageSource("large", bytes, here=True, size_bytes=100 << 20)
    pictures = [replace(picture(n), source=source) for n in range(8)]
    answers = list(answer_in_order(engine, pictures, first))
    assert [answer.found for answer in answers] == [[n] for n in range(8)]
    assert engine.shapes[0] == (3, 2, 2, 3)


def test_the_number_of_images_read_ahead_is_limited() -> None:
    taken = 0

    def count() -> Iterator[DecodedImage]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield picture(number)

    answers = answer_in_order(Means(batch_size=2), count(), first)
    next(answers)
    assert taken == 6  # three batches


def test_the_heat_of_cells_is_that_of_the_class_and_covers_the_image() -> None:
    class Cells(Means):
        def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
            for batch in batches:
                assert batch.shape == (1, 2, 2, 3)
                yield np.arange(12.0).reshape(1, 2, 2, 3)

    def second_class(_: np.ndarray, __: DecodedImage) -> np.ndarray:
        return np.array([0.1, 0.7, 0.2])

    pictures = [picture(1), broken(2)]
    answers = answer_in_order(Means(batch_size=2), pictures, second_class)
    ranked = RankedClass(1, "b", "b", 0.7)
    shown = (1, ranked)
    sure, unreadable = add_cell_heat(Cells(batch_size=1), answers, lambda _: shown)
    assert sure.heat is not None
    assert sure.heat.ranked == ranked
    assert np.array(sure.heat.seen).tolist() == [[[1, 4], [7, 10]]]
    assert sure.heat.region == (0, 0, 2, 2)
    assert unreadable.heat is None
