"""Images on their way through workers that may die, without a cluster."""

import random
from collections import Counter, deque
from collections.abc import Sequence
from itertools import chain, count, islice

import pytest
from predicted import predicted

from cnnxfer.data.images.source import ImageSource, file_source
from cnnxfer.prediction.on_ray.blocks import (
    MOST_BLOCKS,
    Answer,
    Block,
    Slot,
    answer_in_blocks,
)


class Workers:
    """A fleet whose workers end at the images in `deadly`, in an order by chance."""

    def __init__(self, number: int, deadly: Sequence[str] = (), lost: int = 0) -> None:
        self.slots = [Slot() for _ in range(number)]
        self.deadly = set(deadly)
        self.lost = lost  # workers that are not replaced when they end
        self.asked: Counter[str] = Counter()
        self.random = random.Random(0)

    def send(self, slot: Slot, block: Block) -> None:
        assert slot in self.slots

    def wait(self) -> tuple[Slot, list[Answer] | None]:
        slot = self.random.choice([slot for slot in self.slots if slot.blocks])
        names = [source.name for source in slot.blocks[0].sources]
        self.asked.update(names)
        if self.deadly & set(names):
            if self.lost and len(self.slots) > 1:
                self.lost -= 1
                self.slots.remove(slot)
            return slot, None
        return slot, [answer(name) for name in names]

    def give_up(self, source: ImageSource) -> Answer:
        return [predicted(source.name, error="deadly")]


def answer(name: str) -> Answer:
    frames = range(3) if name.endswith(".gif") else [None]
    return [predicted(name, 4, 3, frame=frame) for frame in frames]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("images", [0, 1, 7, 8, 100])
def test_answers_come_in_the_order_of_the_images(workers: int, images: int) -> None:
    names = [f"{number}.{'gif' if number % 5 else 'jpg'}" for number in range(images)]
    fleet = Workers(workers)
    found = answer_in_blocks(map(file_source, names), fleet, size=4)
    assert list(found) == [answer(name) for name in names]
    assert set(fleet.asked.values()) <= {1}


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_deadly_images_are_given_up_and_all_others_answered(lost: int) -> None:
    names = [f"{number}.jpg" for number in range(60)]
    deadly = ["0.jpg", "17.jpg", "18.jpg", "59.jpg"]
    fleet = Workers(3, deadly, lost)
    found = list(answer_in_blocks(map(file_source, names), fleet, size=4))
    assert [each.path for each in chain.from_iterable(found)] == names
    failed = [each.path for each in chain.from_iterable(found) if each.error]
    assert failed == deadly
    # Once with others and once alone; others in its block, at most so often, too.
    assert all(fleet.asked[name] == 2 for name in deadly[:1] + deadly[3:])
    assert max(fleet.asked.values()) == 2


def test_images_are_taken_a_few_blocks_ahead() -> None:
    taken = deque(maxlen=1)

    def endless():
        for number in count():
            taken.append(number)
            yield file_source(f"{number}.jpg")

    found = answer_in_blocks(endless(), Workers(2), size=4)
    assert len(list(islice(found, 1000))) == 1000
    assert taken[0] <= 1000 + 4 * 2 * (MOST_BLOCKS + 1)
