"""What a stage finds out before its first update: its batch and its learning rate."""

from __future__ import annotations

from collections.abc import Callable

from cnnxfer.training.loop.progress import parts_of
from cnnxfer.training.loop.recovery import retried
from cnnxfer.training.loop.session import Session
from cnnxfer.training.optimization.batch_size_search import find_batch_size, scaled_rate
from cnnxfer.training.optimization.learning_rate_search import find_rate

TO_BE_FOUND = 1.0  # in place of a learning rate that is looked for


def search(session: Session) -> None:
    """Finds what the settings leave to be found, for a stage that has not begun.

    The batch is looked for once in the life of a run, the rate in each stage.

    Raises:
        Interrupted: on Ctrl-C.
        DataError: if an image cannot be read any more.
        RunError: if memory ran out, or the loss is no number at any rate.
    """
    config = session.setup.config
    if config.batch_size < 0 and not session.progress.stage:
        _find_batch(session)
    if not session.settings.learning_rate:
        _find_rate(session)


def _find_batch(session: Session) -> None:
    setup, settings = session.setup, session.settings
    images = len(setup.parts.train)

    def train_in(wanted: int) -> None:
        progress = session.progress
        progress.batch_size = size = setup.devices.batch_size(wanted, images)
        progress.accumulate = parts_of(size, settings.accumulate)
        progress.steps_per_epoch = images // size
        session.build()

    def update_of(size: int) -> Callable[[int, float], object]:
        train_in(size)
        return session.stepper.update

    size = retried(
        session,
        lambda: find_batch_size(
            session.model, update_of, images=images, reporter=setup.reporter
        ),
    )
    train_in(size)  # with a new optimizer: that of the trial has made updates
    if settings.learning_rate:
        rate = scaled_rate(settings.learning_rate, size, settings.optimizer)
        session.progress.peak = rate
        session.follow(session.progress)
        setup.reporter.info(f"learning rate {rate:.3g} for batches of {size}")


def _find_rate(session: Session) -> None:
    progress = session.progress
    progress.peak = retried(
        session,
        lambda: find_rate(
            session.model,
            session.stepper.update,
            optimizer=session.settings.optimizer,
            steps_per_epoch=progress.steps_per_epoch,
            batch_size=progress.batch_size,
            reporter=session.setup.reporter,
        ),
    )
    progress.scale = 1.0
    session.follow(progress)
