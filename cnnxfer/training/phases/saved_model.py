"""Compares the saved model, which computes in float32, with what was trained."""

import dataclasses

from cnnxfer.engines.known_answers import formula_images
from cnnxfer.networks.run_model import load_run_model
from cnnxfer.runs import Run
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.recorder import Recorder
from cnnxfer.training.loop.session import Session
from cnnxfer.training.phases.whole_network import WholeNetwork
from cnnxfer.training.setup import Setup
from cnnxfer.training.variables import changing_weights, restoring
from cnnxfer.training.workers.joining import decided


def compare_saved_model(session: Session) -> None:
    """Records how well the saved model agrees with the network that a stage trained.

    This is done only if the saved model is from this stage. What it answers to the
    images of a formula is kept, too.
    """
    assert session.best
    if session.best.epoch <= session.progress.first_epoch:
        return
    trained, recorder = session.trained, session.recorder
    exact = trained.setup.precision == "float32" and isinstance(trained, WholeNetwork)
    with restoring(changing_weights(trained.classifier)):
        recorder.restore_best()
        # What is exact is not compared, and answers the formula's few images alone.
        verdict = None if exact else decided(Verdict, trained.agreement)
        known = trained.known_answers
        if exact:
            known = trained.classify(formula_images(trained.setup.image_size))
    recorder.keep_known_answers(known)
    recorder.update_state(agreement=verdict)


def saved_model_agrees(setup: Setup, recorder: Recorder) -> bool:
    """Reports what `compare_saved_model` found, and returns whether that suffices.

    If not, what was measured in training says too little of the saved model.
    """
    verdict = recorder.state.agreement
    if verdict is None:
        return True
    if verdict.passed:
        setup.reporter.detail(
            f"the saved model agrees with what was trained: {verdict.figures}"
        )
        return True
    setup.reporter.warn(
        f"the saved model deviates from what was trained: {verdict.figures}. So "
        "validation is measured again, in float32. Next time, "
        f"{option('--precision', 'float32')} avoids this."
    )
    return False


def score_in_float32(setup: Setup, run: Run, epoch: int) -> Score:
    """Returns the score of a run's model on the validation images, in Keras.

    The score is that of `epoch`.
    """
    setup = dataclasses.replace(setup, precision="float32")
    trained = WholeNetwork(setup, load_run_model(run))
    batches, steps = trained.validation_batches(setup.devices.part_size(32, 32))
    targets = setup.targets(setup.splits.validation)
    with setup.reporter.wait("measuring the whole network"):
        logits = trained.logits(batches, steps)
    trained.close()
    # How training smooths labels doesn't matter to a score.
    return setup.objective(0.0, trained.classifier).score(
        logits[: len(targets)], targets, epoch
    )
