"""Finds the batch size and the learning rate of a stage before its first update."""

from collections.abc import Callable

from cnnxfer.training.loop.progress import parts_per_batch
from cnnxfer.training.loop.recovery import retry_with_less_memory
from cnnxfer.training.loop.session import Session
from cnnxfer.training.optimization.batch_size_search import find_batch_size, scaled_rate
from cnnxfer.training.optimization.learning_rate_search import Trainee


def search(session: Session) -> None:
    """Finds the batch size and the learning rate where the settings say `auto`.

    The batch size is found once in the life of a run, the learning rate in each stage.

    Raises:
        Interrupted: on Ctrl-C.
        DataError: if an image can no longer be read.
        RunError: if memory ran out, or the loss is not finite at any learning rate.
    """
    config = session.setup.config
    if config.batch_size == "auto" and not session.progress.stage:
        _find_batch(session)
    if session.settings.learning_rate == "auto":
        _find_rate(session)


def _find_batch(session: Session) -> None:
    setup, settings = session.setup, session.settings
    images = len(setup.splits.train)

    def use_batch_size(wanted: int) -> None:
        progress = session.progress
        progress.batch_size = size = setup.devices.batch_size(wanted, images)
        progress.accumulate = parts_per_batch(
            size, settings.accumulate, setup.devices.shares
        )
        progress.steps_per_epoch = images // size
        session.build()

    def update_for(size: int) -> Callable[[int, float], object]:
        use_batch_size(size)
        return session.stepper.update

    size = retry_with_less_memory(
        session,
        lambda: find_batch_size(
            session.model, update_for, images=images, reporter=setup.reporter
        ),
    )
    use_batch_size(size)  # with a new optimizer: that of the search has made updates
    if settings.learning_rate != "auto":
        rate = scaled_rate(settings.learning_rate, size, settings.optimizer)
        session.progress.peak = rate
        session.set_progress(session.progress)
        setup.reporter.detail(f"learning rate {rate:.3g} for batches of {size}")


def _find_rate(session: Session) -> None:
    progress = session.progress
    progress.peak = retry_with_less_memory(
        session,
        lambda: session.trained.find_rate(
            Trainee(
                model=session.model,
                update=session.stepper.update,
                validation_loss=session.validation_loss,
                settings=session.settings,
                steps_per_epoch=progress.steps_per_epoch,
                batch_size=progress.batch_size,
                reporter=session.setup.reporter,
            )
        ),
    )
    progress.scale = 1.0
    session.set_progress(progress)
