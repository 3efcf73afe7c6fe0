"""Stages that predictions pass through on their way to the output.

A stage takes predictions, does something with each and passes it on: it counts them,
copies their files or draws a sheet. It finishes its work when the predictions end, and
removes unfinished files if they are interrupted.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from cnnxfer.prediction.prediction import Prediction

Flow = Generator[Prediction, None, None]
Stage = Callable[[Iterable[Prediction]], Flow]


@contextmanager
def run_through_stages(
    predictions: Iterable[Prediction], stages: Sequence[Stage]
) -> Iterator[Iterable[Prediction]]:
    """Passes predictions through stages and yields what comes out of the last one.

    All stages are closed at the end of the block, even after an error.
    """
    with ExitStack() as stack:
        for stage in stages:
            predictions = stack.enter_context(closing(stage(predictions)))
        yield predictions
