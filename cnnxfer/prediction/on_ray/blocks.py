"""Blocks of images on their way through workers that may die, and back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from cnnxfer.data.images.source import ImageSource
from cnnxfer.prediction.prediction import Prediction

BLOCK_IMAGES = 64  # a worker needs 32 to compare engines on
BLOCKS_AHEAD = 2  # of each worker, so that it never waits for one
# Of each worker; so far may the others be ahead of one that is slow, or is replaced.
MOST_BLOCKS = 32
MOST_DEATHS = 2  # of workers, after which an image is given up

# The predictions for an image, one for each of its frames.
Answer = list[Prediction]


@dataclass(frozen=True)
class Block:
    """Images that are answered together.

    Attributes:
        start: the position of the first one among all images.
        sources: the images.
        deaths: how many workers have ended with them.
    """

    start: int
    sources: Sequence[ImageSource]
    deaths: int = 0


@dataclass(eq=False)
class Slot:
    """A place for a worker, and the blocks that it holds; it works on the first."""

    blocks: deque[Block] = field(default_factory=deque)


class Fleet(Protocol):
    """The workers."""

    @property
    def slots(self) -> Sequence[Slot]:
        """Where workers are now; never empty."""

    def send(self, slot: Slot, block: Block) -> None:
        """Has the worker at a place answer a block, after those that it holds."""

    def wait(self) -> tuple[Slot, list[Answer] | None]:
        """Waits until a worker is done with its first block, or has ended.

        Returns:
            Where that is, and the answers; None if the worker has ended, and another
            one takes its place.

        Raises:
            CnnxferError: what a worker has raised, or if there are no workers left.
        """

    def give_up(self, source: ImageSource) -> Answer:
        """Returns what stands for an image that has ended several workers."""


def answer_in_blocks(
    sources: Iterator[ImageSource], fleet: Fleet, size: int = BLOCK_IMAGES
) -> Iterator[Answer]:
    """Yields the answer to each image, in order, whichever worker has it first.

    If a worker ends, what it held is answered by others. The images of the block that
    it was at are then sent one by one, since one of them may be the reason: it is given
    up when another worker has ended with it alone.

    Args:
        sources: the images, which are taken a few blocks ahead.
        fleet: the workers.
        size: the number of images in a block.
    """
    again: deque[Block] = deque()  # those that come before new ones
    answers: dict[int, Answer] = {}  # that wait for those of images before them
    taken = yielded = 0

    def next_block() -> Block | None:
        nonlocal taken
        if again:
            return again.popleft()
        if taken - yielded >= size * MOST_BLOCKS * len(fleet.slots):
            return None
        block = Block(taken, list(islice(sources, size)))
        taken += len(block.sources)
        return block if block.sources else None

    while True:
        for _ in range(BLOCKS_AHEAD):
            for slot in fleet.slots:
                if len(slot.blocks) < BLOCKS_AHEAD and (block := next_block()):
                    fleet.send(slot, block)
                    slot.blocks.append(block)
        if not any(slot.blocks for slot in fleet.slots):
            return
        slot, found = fleet.wait()
        if found is not None:
            answers.update(enumerate(found, slot.blocks.popleft().start))
        elif slot.blocks:
            first, *untouched = slot.blocks
            slot.blocks.clear()
            again.extendleft(reversed(untouched))
            alone = len(first.sources) == 1
            if alone and first.deaths + 1 == MOST_DEATHS:
                answers[first.start] = fleet.give_up(first.sources[0])
            else:
                again.extendleft(reversed(list(_one_by_one(first))))
        while yielded in answers:
            yield answers.pop(yielded)
            yielded += 1


def _one_by_one(block: Block) -> Iterator[Block]:
    for number, source in enumerate(block.sources, block.start):
        yield Block(number, [source], block.deaths + 1)
