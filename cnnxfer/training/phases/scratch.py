"""The phase in which a whole network learns from random weights."""

import time
from pathlib import Path

import keras

from cnnxfer.errors import RunError
from cnnxfer.networks.classifier import (
    all_layers,
    apply_statistics,
    count_trainable_parameters,
)
from cnnxfer.networks.precision import describe_precision
from cnnxfer.networks.run_model import load_run_model
from cnnxfer.reporting import Reporter, counted, listed
from cnnxfer.runs import Run
from cnnxfer.spelling import option
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.recorders import recorder_for
from cnnxfer.training.loop.search import search
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.state import StageState
from cnnxfer.training.phase import SCRATCH, Outcome
from cnnxfer.training.phases.saved_model import (
    compare_saved_model,
    saved_model_agrees,
    score_in_float32,
)
from cnnxfer.training.phases.unchanged_files import (
    require_same_class_weights,
    require_unchanged,
)
from cnnxfer.training.phases.whole_network import WholeNetwork
from cnnxfer.training.setup import Setup
from cnnxfer.training.workers.joining import decided


def train(setup: Setup, run: Run) -> Outcome:
    """Trains all layers of a run, from the beginning or from its last checkpoint.

    Every epoch has new views of the images.

    Args:
        setup: everything the network is trained with.
        run: the run.

    Raises:
        DataError: if an image can no longer be read.
        Interrupted: on Ctrl-C or SIGTERM, after saving.
        RunError: if training failed, the run to begin with has no layer in common with
            this one, or its model or the file of class weights has changed since this
            run began.
    """
    started = time.monotonic()
    reporter, settings = setup.reporter, setup.config.scratch
    require_same_class_weights(run)
    with setup.devices.scope():
        classifier = setup.build_classifier(precision="float32")
    recorder = recorder_for(setup, run, classifier)
    checkpoint = recorder.last_checkpoint(reporter)
    reporter.info(
        f"training {setup.backbone.name} from scratch, "
        f"{counted(settings.epochs, 'epoch')}"
    )
    reporter.detail(
        f"all {count_trainable_parameters(classifier):,} parameters learn at "
        f"{setup.image_size} pixels, each epoch on new views"
    )
    auxiliary = None if setup.task.follows_views else setup.backbone.auxiliary
    if auxiliary:
        reporter.info(
            f"{counted(len(auxiliary.layers), 'auxiliary classifier')} after "
            f"{listed(auxiliary.layers)} learn, too, and have {auxiliary.weight:g} of "
            "their loss in the loss that is shown; they are not saved"
        )
    reporter.detail(describe_precision(setup.config.precision, setup.precision))
    if settings.init != "none" and not checkpoint:
        shallow = Run(Path(settings.init))
        require_unchanged(run, shallow.require_model(), "init_model_sha256")
        take_layers(shallow, classifier, reporter)
    recorder.update_state(stages=(StageState(),))
    session = Session(
        setup,
        SCRATCH.name,
        settings,
        WholeNetwork(setup, classifier, auxiliary=auxiliary is not None),
        recorder,
        checkpoint=checkpoint,
        extra_epochs=run.more_epochs,
        preparation_seconds=time.monotonic() - started,
    )
    if not checkpoint:
        search(session)
    score = fit(session)
    answers = recorder.best_answers
    with reporter.wait("checking the saved model"):
        compare_saved_model(session)
    if not saved_model_agrees(setup, recorder):
        answers = None  # of a network that answers otherwise
        epoch = score.epoch
        score = decided(Score, lambda: score_in_float32(setup, run, epoch))
        run.write_fitted(score.thresholds, score.temperature)
        figures = score.as_metrics(recorder.validation_images)
        recorder.update_metrics(**{SCRATCH.name: figures})
    return Outcome(None, score, answers)


def take_layers(source: Run, classifier: keras.Model, reporter: Reporter) -> None:
    """Gives layers the weights of a run's layers of the same name and shape.

    Reports how many those are.

    Raises:
        RunError: if there is none.
    """
    known = {layer.name: layer for layer in all_layers(load_run_model(source))}
    learning = [layer for layer in all_layers(classifier) if layer.weights]
    taken = [
        layer
        for layer in learning
        if layer.name in known and _shapes(layer) == _shapes(known[layer.name])
    ]
    if not taken:
        raise RunError(
            f"{source.path} has no layer of the same name and shape as one of the "
            f"network's. Choose a run of its family with {option('--init')}, or begin "
            "without one."
        )
    for layer in taken:
        layer.set_weights(known[layer.name].get_weights())
    apply_statistics(classifier)
    reporter.info(
        f"{len(taken)} of {counted(len(learning), 'layer')} with weights begin as "
        f"those of {source.path}; the others are random"
    )


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
