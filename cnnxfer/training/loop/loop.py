"""The loop of a phase, or of a stage of one: from where it stopped to its end."""

from __future__ import annotations

import math
from contextlib import suppress

from cnnxfer.reporting import Advance
from cnnxfer.stopping import listening
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.messages import (
    epoch_lines,
    history_row,
    interruption,
    live_text,
    title,
)
from cnnxfer.training.loop.recovery import go_on_in_less_memory, lower_rate, retried
from cnnxfer.training.loop.session import Diverged, Session, Stopped
from cnnxfer.training.loop.time_budget import fit_into_time


def fit(session: Session) -> Score:
    """Trains to the last epoch and returns the score of the model that is kept.

    The run's model, metrics and history grow with each epoch. At its end the trained
    network has the weights of the last one, or their averages.

    Raises:
        Interrupted: on Ctrl-C or SIGTERM, after saving.
        RunError: if training failed; the run keeps its model and checkpoints.
        DataError: if an image cannot be read any more.
    """
    run, reporter = session.setup.run, session.setup.reporter
    with session.explained(), listening() as session.stop:
        try:
            if not session.begun:
                session.checkpoint()
            _plan(session)
            progress = session.progress
            left = progress.epochs * progress.steps_per_epoch - progress.updates
            with reporter.progress(title(progress), left, "batches") as advance:
                while not session.progress.finished:
                    _go_on(session, advance)
        except Stopped:
            with suppress(Diverged):
                session.checkpoint()
            if not run.model_path.exists():
                session.recorder.save_model()
            raise interruption(run, session.progress) from None
    session.trained.close()
    if session.stop.asked:  # by the time that all was done, but others may follow
        raise interruption(run, session.progress)
    session.stepper.use_averages()
    assert session.best
    return session.best


def _plan(session: Session) -> None:
    """Has as many epochs as fit into the time, if there is a limit to it."""
    seconds = session.setup.config.time_budget
    if seconds and not session.progress.planned:
        left = (seconds - session.progress.seconds) * session.share
        retried(session, lambda: fit_into_time(session, left))
        session.checkpoint()


def _go_on(session: Session, advance: Advance) -> None:
    """Trains to the end of an epoch, or to what stands in the way of it."""
    try:
        _train_epoch(session, advance)
        return
    except Diverged as trouble:
        done = session.progress.updates
        lower_rate(session, trouble)
        _plan(session)
    except Exception as error:
        done = session.progress.updates
        go_on_in_less_memory(session, error)
    advance(session.progress.updates - done)


def _train_epoch(session: Session, advance: Advance) -> None:
    progress = session.progress
    if not progress.step:
        session.tick()
        progress.epoch_seconds = 0.0  # without what came before the epoch
    while progress.step < progress.steps_per_epoch:
        if session.stop.asked:
            raise Stopped
        loss, accuracy = session.stepper.update(session.number, session.rate)
        late = 2 * progress.step >= progress.steps_per_epoch
        trouble = session.watch.update_done(loss, late)
        if trouble and (session.watching or not math.isfinite(loss)):
            raise Diverged(trouble)
        progress.step += 1
        progress.loss_sum += loss
        progress.accuracy_sum += accuracy
        session.tick()
        advance(note=live_text(progress))
        if session.checkpoint_is_due:
            session.checkpoint()
    _end_epoch(session)


def _end_epoch(session: Session) -> None:
    progress, reporter = session.progress, session.setup.reporter
    rate = session.rates.at(progress.epoch * progress.steps_per_epoch)
    rate *= progress.scale
    with session.stepper.averages():
        score = session.score(progress.number)
        trouble = session.watch.epoch_done(score, len(session.validation_targets))
        if trouble and (session.watching or not math.isfinite(score.loss)):
            raise Diverged(trouble)
        session.tick()
        session.keep(score, history_row(progress, score, rate))
    for line in epoch_lines(progress, score, first=not session.epochs_seen):
        reporter.info(line)
    session.epochs_seen += 1
    if score.beats(progress.leader):
        progress.leader = score
    progress.last = score
    session.rates.epoch_ended(score)
    progress.start_epoch()
    if reason := progress.end_reason(session.settings.patience):
        progress.finished = True
        if progress.epoch < progress.epochs:
            reporter.info(f"the phase ends here: {reason}")
    session.checkpoint()
