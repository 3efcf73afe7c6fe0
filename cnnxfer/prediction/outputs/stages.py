"""What predictions flow through on their way to the output.

A stage takes predictions, does something with each and hands it on: it counts them,
copies their files, draws a sheet. It ends its work when they end, and takes back what
is half done when they don't.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from cnnxfer.prediction.prediction import Prediction

Flow = Generator[Prediction, None, None]
Stage = Callable[[Iterable[Prediction]], Flow]


@contextmanager
def through(
    predictions: Iterable[Prediction], stages: Sequence[Stage]
) -> Iterator[Iterable[Prediction]]:
    """Yields the predictions as they come out of the last stage.

    Leaving the block ends all stages, also where an error stopped the flow.
    """
    with ExitStack() as stack:
        for stage in stages:
            predictions = stack.enter_context(closing(stage(predictions)))
        yield predictions
