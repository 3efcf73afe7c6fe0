"""The training loop of a phase, or of one stage of it."""

import math
from contextlib import suppress

from cnnxfer.reporting import Advance
from cnnxfer.stopping import stop_on_signals
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.messages import (
    epoch_line,
    history_row,
    live_notes,
    title,
)
from cnnxfer.training.loop.recovery import (
    continue_with_less_memory,
    restart_at_lower_rate,
    retry_with_less_memory,
)
from cnnxfer.training.loop.session import Diverged, Session, Stopped
from cnnxfer.training.loop.time_budget import fit_into_time

# A unit of its own: such batches tell nothing of those that a network computes.
FEATURES = "batches of features"


def fit(session: Session) -> Score:
    """Trains to the last epoch and returns the score of the saved model.

    Each epoch is recorded. At the end, the trained network has the weights of the last
    epoch, or their moving averages.

    Args:
        session: a stage at its beginning or where a checkpoint left it.

    Raises:
        Interrupted: on Ctrl-C or SIGTERM, after saving.
        RunError: if training failed; the run keeps its model and checkpoints.
        DataError: if an image can no longer be read.
    """
    recorder, reporter = session.recorder, session.setup.reporter
    with session.explaining_errors(), stop_on_signals() as session.stop:
        try:
            if not session.begun:
                session.checkpoint()
            _fit_into_time_budget(session)
            progress = session.progress
            left = progress.epochs * progress.steps_per_epoch - progress.updates
            unit = FEATURES if session.trained.brief else "batches"
            with reporter.progress(title(progress), left, unit) as advance:
                while not session.progress.finished:
                    _train_or_recover(session, advance)
        except Stopped:
            with suppress(Diverged):
                session.checkpoint()
            recorder.require_model(session.trained.learned_weights())
            raise recorder.interruption(session.progress) from None
    session.trained.close()
    session.tick()
    if session.stopping:  # after the last update; another stage may follow
        raise recorder.interruption(session.progress)
    session.stepper.apply_averages()
    assert session.best
    return session.best


def _fit_into_time_budget(session: Session) -> None:
    """Sets the number of epochs that fit into the time budget, if there is one."""
    seconds = session.setup.config.time_budget
    if seconds != "none" and not session.progress.planned:
        left = (seconds - session.progress.seconds) * session.time_share
        retry_with_less_memory(session, lambda: fit_into_time(session, left))
        session.checkpoint()


def _train_or_recover(session: Session, advance: Advance) -> None:
    """Trains to the end of an epoch; recovers from divergence and lack of memory."""
    try:
        _train_epoch(session, advance)
        return
    except Diverged as divergence:
        done = session.progress.updates
        restart_at_lower_rate(session, divergence)
        _fit_into_time_budget(session)
    except Exception as error:
        done = session.progress.updates
        continue_with_less_memory(session, error)
    advance(session.progress.updates - done)


def _train_epoch(session: Session, advance: Advance) -> None:
    progress = session.progress
    if not progress.step:
        session.tick()
        progress.epoch_seconds = 0.0  # preparation does not count
    while progress.step < progress.steps_per_epoch:
        if session.stopping:
            raise Stopped
        loss, accuracy = session.stepper.update(session.update_number, session.rate)
        late = 2 * progress.step >= progress.steps_per_epoch
        problem = session.watch.update_done(loss, late)
        if problem and (session.may_restart or not math.isfinite(loss)):
            raise Diverged(problem)
        progress.step += 1
        progress.loss_sum += loss
        progress.accuracy_sum += accuracy
        session.tick()
        advance(1, *live_notes(progress))
        if session.checkpoint_is_due:
            session.checkpoint()
    _end_epoch(session)


def _end_epoch(session: Session) -> None:
    progress, reporter = session.progress, session.setup.reporter
    rate = session.rates.at(progress.epoch * progress.steps_per_epoch)
    rate *= progress.scale
    with session.stepper.using_averages():
        score = session.score(progress.number)
        problem = session.watch.epoch_done(score, len(session.validation_targets))
        if problem and (session.may_restart or not math.isfinite(score.loss)):
            raise Diverged(problem)
        session.tick()
        session.record_epoch(score, history_row(progress, score, rate))
    if not session.trained.brief:
        reporter.info(epoch_line(progress, score))
    if score.beats(progress.leader):
        progress.leader = score
    progress.last = score
    session.rates.epoch_ended(score)
    progress.start_epoch()
    if reason := progress.end_reason(session.settings.patience):
        progress.finished = True
        if progress.epoch < progress.epochs:
            reporter.info(f"the phase ends here: {reason}")
    if progress.finished:
        with reporter.wait("writing the model"):
            session.checkpoint()
    elif session.checkpoint_is_due:
        session.checkpoint()
