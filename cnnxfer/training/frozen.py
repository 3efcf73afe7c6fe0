"""The frozen phase: a new head on a backbone that stays as it was."""

from __future__ import annotations

from cnnxfer.errors import RunError
from cnnxfer.files import file_hash
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training.checkpoint import read_checkpoint
from cnnxfer.training.loop import PhaseRun
from cnnxfer.training.model import backbone_of, learning_parameters
from cnnxfer.training.prepare import find_weights_file, set_up
from cnnxfer.training.score import Score

PHASE = "frozen"


def train_head(run: Run, reporter: Reporter) -> Score:
    """Trains the head of a prepared run, from its start or where it stopped.

    Returns:
        The best score on validation; `model.keras` has its weights.

    Raises:
        Interrupted: on Ctrl-C.
        RunError: if the backbone's weights are not those that the run began with.
    """
    setup = set_up(run, reporter)
    checkpoint = read_checkpoint(run.checkpoints_dir)
    weights_path = find_weights_file(setup.config, reporter)
    if weights_path:
        sha256 = file_hash(weights_path)
        if checkpoint and run.receipt.get("weights_sha256") != sha256:
            raise RunError(
                f"{weights_path} has changed since {run.path} began. Bring the file "
                "back, or train a new run."
            )
        run.update_receipt(weights_sha256=sha256)
    with setup.devices.scope():
        model = setup.build_classifier(
            precision=setup.precision, weights_path=weights_path
        )
        backbone_of(model).trainable = False
    reporter.info(
        f"frozen phase: the head learns ({learning_parameters(model):,} of "
        f"{model.count_params():,} parameters) on {setup.backbone.name} at "
        f"{setup.image_size} pixels, {setup.precision}"
    )
    return PhaseRun(setup, PHASE, setup.config.frozen, model, checkpoint).fit()
