"""`train`, `unfreeze` and `resume`: training a head, fine-tuning, and going on."""

from __future__ import annotations

import dataclasses
import re
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from cnnxfer import runs
from cnnxfer.api.arguments import (
    Pathlike,
    as_path,
    place_of_images,
    resolve_run,
    tell_of_demonstration,
)
from cnnxfer.api.options import ResumeKeywords, TrainKeywords, UnfreezeKeywords
from cnnxfer.api.receipt import recorded_outcome, start_receipt
from cnnxfer.api.result import result_of
from cnnxfer.api.run import Run
from cnnxfer.api.training_settings import (
    checked_settings,
    fine_tuning_settings,
    first_phase_settings,
    with_new_place,
)
from cnnxfer.config import Config, defaults_of, override
from cnnxfer.config.options import settings_of
from cnnxfer.console import CONSOLE
from cnnxfer.errors import CnnxferError, ConfigError, Interrupted
from cnnxfer.keras_backend import import_keras_quietly, starting_keras
from cnnxfer.registry import BUILT_IN
from cnnxfer.reporting import LoggingReporter, Reporter, SilentReporter
from cnnxfer.runs import (
    LATEST,
    check_new_name,
    check_runs_dir,
    create_run,
    lock_run,
    removed_on_failure,
    require_idle,
    resolve_runs_dir,
)
from cnnxfer.spelling import command, option
from cnnxfer.stopping import interrupted_by_sigterm
from cnnxfer.training.phase import FINE_TUNE, PHASES
from cnnxfer.training.tracking.tracking import Tracking, chosen_logs
from cnnxfer.training.workers.cluster import Cluster, find_cluster
from cnnxfer.training.workers.joining import leading

if TYPE_CHECKING:
    from cnnxfer.training.phases.plan import StageRow
    from cnnxfer.training.setup import Setup


def train(
    data: Pathlike | None = None,
    *,
    name: str | None = None,
    config: Pathlike | None = None,
    fine_tune: bool = False,
    tensorboard: bool = False,
    mlflow: bool = False,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[TrainKeywords],
) -> Run:
    """Trains a new head on a frozen backbone, or a whole network from scratch.

    Settings that are not given come from the recipe or `config`, or are the defaults.

    Args:
        data: a folder of class folders, the name of a TFDS data set, a table of paths
            and labels, an archive, a folder in a cloud bucket, or "sample".
        name: what to call the run; by default after its data, with the next number. A
            run that is fine-tuned at once has this name with `-tuned` behind it.
        config: a TOML file of settings.
        fine_tune: whether to go on with `unfreeze`, with the settings of the recipe or
            `config`.
        tensorboard: whether TensorBoard gets every epoch and the results.
        mlflow: whether MLflow does, with the settings.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.
        **options: settings, by the names of their options; with `from_scratch`, all
            layers learn from random weights.

    Returns:
        The new run; with `fine_tune`, the fine-tuned one.

    Raises:
        ConfigError: if a setting is wrong.
        DataError: if no classifier can be trained on the data.
        Interrupted: on Ctrl-C or SIGTERM, after saving; `resume` goes on.
    """
    started = time.monotonic()
    reporter = reporter or SilentReporter()
    path = as_path(config)
    logs = chosen_logs(tensorboard=tensorboard, mlflow=mlflow)
    runs_path = resolve_runs_dir(runs_dir)
    check_runs_dir(runs_path)
    tuned_name = f"{name}-tuned" if name and fine_tune else None
    for each in (name, tuned_name):
        check_new_name(each, runs_path)
    given = {**options, "data": data}

    @cache
    def settings_for(task: str) -> Config:
        if task != "auto" and defaults_of(task) == Config():
            return settings_for("auto")
        return first_phase_settings(path, given, task, runs_path, reporter)

    # What is wrong is found before TensorFlow and data are read.
    settings = checked_settings(path, given, "auto")
    cluster = _cluster(settings.devices)
    if cluster and cluster.rank:
        return _follow(cluster, settings.wait, reporter)
    if cluster:  # before the others listen, since a slow disk may keep it silent
        with starting_keras(reporter):
            pass
    with leading(cluster, settings.wait, reporter, ends=not fine_tune):
        tell_of_demonstration("train", data, path, reporter)
        settings_for("auto")  # may download weights
        with starting_keras(reporter):
            from cnnxfer.data.prepared import data_hash
            from cnnxfer.training.start import prepare_run

        run, setup = prepare_run(settings_for, runs_path, name, reporter)
        settings = setup.config
        with lock_run(run):
            with removed_on_failure(run):
                start_receipt(
                    run,
                    settings.seed,
                    phase=settings.first_phase,
                    parent=None,
                    backbone=settings.backbone,
                    data_sha256=data_hash(run.split),
                    precision=setup.precision,
                    logs=logs,
                )
                run.write_config(settings)  # last, since it makes the directory a run
                if (init := settings.scratch.init) != "none":
                    # It may have been renamed or removed meanwhile.
                    runs.Run(Path(init)).require_model()
            images = len(setup.splits.train) + len(setup.splits.validation)
            with (
                # Fine-tuning sees them once more. Nobody knows how long it takes.
                reporter.expecting(fine_tune * images, "images"),
                reporter.expecting(fine_tune * 1, "fine-tunings"),
            ):
                _run_phase(setup, run, tells=not fine_tune)
    if not fine_tune:
        return Run(run.path)
    remaining = None
    if settings.time_budget != "none":
        remaining = max(settings.time_budget - (time.monotonic() - started), 1.0)
    return unfreeze(
        run,
        name=tuned_name,
        tensorboard=tensorboard,
        mlflow=mlflow,
        time_budget=remaining,
        devices=settings.devices,
        runs_dir=runs_dir,
        reporter=reporter,
    )


def unfreeze(
    run: runs.Run | Pathlike = LATEST,
    *,
    name: str | None = None,
    data: Pathlike | None = None,
    config: Pathlike | None = None,
    tensorboard: bool = False,
    mlflow: bool = False,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[UnfreezeKeywords],
) -> Run:
    """Fine-tunes a run: its head and the last layers of its backbone, or all, learn.

    The new run has the same images, splits, classes and normalization as `run`, which
    is not changed. If no epoch is better than `run` on validation, the model of the
    new run is that of `run`, unless `keep` is "last".

    Args:
        run: the run to fine-tune: its path or its name, or "latest".
        name: what to call the new run; by default after the data of `run`, with the
            next number.
        data: where the images of `run` are now, if they have moved. They are known by
            their content, so they may have other names there.
        config: a TOML file of settings, such as the `config.toml` of a fine-tuned run
            that is to be repeated; its network and images must be those of `run`.
        tensorboard: whether TensorBoard gets every epoch and the results.
        mlflow: whether MLflow does, with the settings.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.
        **options: settings, by the names of their options; by default those of `run`.

    Returns:
        The new run, which names `run` as its parent.

    Raises:
        ConfigError: if a setting is wrong, or there is no such run.
        DataError: if too many of the run's images are missing.
        RunError: if the run has no model yet, or one that was saved for other settings
            or classes.
        Interrupted: on Ctrl-C or SIGTERM, after saving; `resume` goes on.
    """
    reporter = reporter or SilentReporter()
    logs = chosen_logs(tensorboard=tensorboard, mlflow=mlflow)
    cluster = _cluster(options.get("devices"))
    if cluster and cluster.rank:
        return _follow(cluster, _wait(options.get("wait")), reporter)
    parent = resolve_run(run, runs_dir, reporter)
    parent.require_model()
    require_idle(parent)
    check_new_name(name, parent.path.parent)
    settings = fine_tuning_settings(parent, data, as_path(config), options)
    _check_stages(parent, settings)
    with starting_keras(reporter):
        from cnnxfer.data.prepared import data_hash
        from cnnxfer.networks.description import check_description
        from cnnxfer.training.start import set_up

    check_description(parent)
    retry = with_new_place("unfreeze", parent)
    with leading(cluster, settings.wait, reporter):
        setup, images = set_up(
            parent, settings, settings.precision, reporter, retry=retry
        )
        data_name = parent.receipt.get("data_name") or _data_name(parent.config.data)
        child = create_run(parent.path.parent, data_name, name)
        with lock_run(child):
            with removed_on_failure(child):
                child.write_classes(parent.class_names)
                child.write_split(images.rows)
                start_receipt(
                    child,
                    settings.seed,
                    phase=FINE_TUNE.name,
                    parent=parent.name,
                    backbone=settings.backbone,
                    data_name=data_name,
                    data_sha256=data_hash(images.rows),
                    weights_sha256=parent.receipt.get("weights_sha256"),
                    precision=setup.precision,
                    logs=logs,
                )
                child.write_config(settings)  # last, since it makes the directory a run
                parent.require_model()  # it may have been renamed or removed meanwhile
            _run_phase(setup, child)
    return Run(child.path)


def unfreeze_plan(
    run: runs.Run | Pathlike = LATEST,
    *,
    data: Pathlike | None = None,
    config: Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    **options: Unpack[UnfreezeKeywords],
) -> list[StageRow]:
    """Returns what `unfreeze` would do with the same arguments: one row for each stage.

    No image is looked for or read.

    Raises:
        ConfigError: if a setting is wrong, or there is no such run.
        RunError: if the run has no model yet.
    """
    parent = resolve_run(run, runs_dir)
    parent.require_model()
    return _plan(parent, fine_tuning_settings(parent, data, as_path(config), options))


def resume(
    run: runs.Run | Pathlike = LATEST,
    *,
    data: Pathlike | None = None,
    epochs: int | str | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[ResumeKeywords],
) -> Run:
    """Goes on with a run where it stopped, with the updates that it would have made.

    If images that it learns from are missing, the updates are others, which is said.

    Args:
        run: the path or the name of a run, or "latest", which has a model or not.
        data: where the images of the run are now, if they have moved; its settings will
            name this place. The images are known by their content.
        epochs: the number of additional epochs, 5 or "+5", with which a finished run
            goes on, too.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.
        **options: settings for this call alone, by the names of their options; by
            default those of the run. Other workers take part with `devices="all"` only.

    Raises:
        ConfigError: if there is no such run or place, or the run is finished.
        DataError: if too many of the run's images are missing.
        Interrupted: on Ctrl-C or SIGTERM, after saving; it can be resumed again.
    """
    reporter = reporter or SilentReporter()
    more_epochs = 0 if epochs is None else _parse_more_epochs(epochs)
    cluster = _cluster(options.get("devices"))
    if cluster and cluster.rank:
        return _follow(cluster, _wait(options.get("wait")), reporter)
    found = resolve_run(run, runs_dir, with_model=False)
    if found.receipt.get("status") == "done" and not more_epochs:
        raise ConfigError(
            f"{found.path} is finished. Fine-tune it with: "
            f"{command('unfreeze', found.path)}, or extend it with: "
            f"{command('resume', found.path, epochs='+5')}"
        )
    config, retry = found.config, with_new_place("resume", found)
    place = place_of_images(found, data, config.data, retry)
    config = dataclasses.replace(config, data=place)
    settings = override(config, settings_of("resume", options))
    with starting_keras(reporter):
        from cnnxfer.training.start import set_up

    with leading(cluster, settings.wait, reporter), lock_run(found):
        precision = found.receipt.get("precision", config.precision)
        # First, since it fails if images are gone.
        setup, images = set_up(found, settings, precision, reporter, retry=retry)
        if not images.whole:
            reporter.warn(
                f"{found.path} will not end exactly as it would have, since images are "
                "missing that it learns from or is validated on."
            )
        if config != found.config:
            found.write_config(config)
        more_epochs += found.more_epochs
        found.update_receipt(status="running", more_epochs=more_epochs)
        found.update_metrics(validation=None, test=None)  # the model will change
        _run_phase(setup, found)
    return Run(found.path)


def _cluster(devices: str | None) -> Cluster | None:
    """Returns the workers that the environment names, if they are to train together.

    That is asked for by each command: one that goes on with a run may have been started
    where the variables are those of something else.
    """
    return find_cluster() if devices == "all" else None


def _wait(given: float | str | None) -> float:
    """Returns how long a worker waits that does not see the run, in seconds."""
    return override(Config(), settings_of("resume", {"wait": given})).wait


def _follow(cluster: Cluster, wait_seconds: float, reporter: Reporter) -> Run:
    """Takes part, as another than the first worker, in what that trains."""
    with starting_keras(reporter):
        from cnnxfer.training.following import follow

    return Run(follow(cluster, wait_seconds, reporter))


def _check_stages(parent: runs.Run, settings: Config) -> None:
    """Checks that the network has the layers that the settings name."""
    if settings.fine_tune.start != "none" or settings.fine_tune.gradual > 1:
        _plan(parent, settings)


def _plan(parent: runs.Run, settings: Config) -> list[StageRow]:
    import_keras_quietly()
    from cnnxfer.training.phases.plan import plan_fine_tuning

    return plan_fine_tuning(parent, settings)


def _parse_more_epochs(epochs: int | str) -> int:
    text = epochs.strip() if isinstance(epochs, str) else f"+{epochs}"
    found = re.fullmatch(r"\+(\d{1,6})", text)
    if not found or not int(found[1]):
        raise ConfigError(
            f"{option('--epochs')} is {epochs!r}; expected a number of additional "
            "epochs, such as +5."
        )
    return int(found[1])


def _data_name(spec: str) -> str:
    """Returns a short name for the data of a run whose receipt has none."""
    path = Path(spec)
    if path.is_file():
        return path.name.partition(".")[0]
    if path.is_dir() or "://" in spec:
        return path.name
    return spec.removeprefix("tfds:").removeprefix(BUILT_IN)


def _run_phase(setup: Setup, run: runs.Run, *, tells: bool = True) -> None:
    """Trains a run's phase to its end, with all that a run keeps of that.

    What came of it is told, if nothing follows.
    """
    from cnnxfer.training.following import share

    reporter = LoggingReporter(setup.reporter, run.log_path)
    setup = dataclasses.replace(setup, reporter=reporter)
    with (
        recorded_outcome(run),
        interrupted_by_sigterm(),
        reporter.wait(PHASES.get(run.phase).title),
    ):
        share(setup, run)
        answered = _train_phase(setup, run)
        Tracking(run, setup.reporter).add_results()
    if setup.config.report:  # after the times in the receipt, which it shows
        from cnnxfer.evaluation.report.of_run import report_trained

        with reporter.wait("writing the report"):
            report_trained(run, setup.splits, reporter, answered=answered)
    if tells:
        reporter.result(result_of(run))


def _train_phase(setup: Setup, run: runs.Run) -> bool:
    """Trains a run's phase to its end, and reports what came of it.

    Returns:
        Whether the answers of its model to the validation images are kept.
    """
    reporter, phase = setup.reporter, PHASES.get(run.phase)
    parts = setup.splits
    networks = 2 * phase.from_parent  # to be measured on the other images
    others = len(parts.validation) + len(parts.test)
    with (
        reporter.expecting(networks, "networks"),
        reporter.expecting(networks * others, "images"),
    ):
        outcome = phase.train(setup, run)
    before, after = outcome.before, outcome.after
    if outcome.improved:
        reporter.info(f"saved: the model of epoch {after.epoch}")
    elif before:
        reporter.warn(
            f"no epoch beat the validation {before.name} of {before.value:.1%}, "
            f"so {run.model_path} is the model from before. Try a lower "
            f"{option('--lr')}."
        )
    if outcome.improved and after.calibration_text:
        reporter.detail(after.calibration_text)
    from cnnxfer.evaluation.before_after import compare_with_parent, measure_trained

    if not phase.from_parent:
        if outcome.answers is not None:
            with reporter.wait("measuring"):
                measure_trained(run, setup, outcome.answers)
        return False
    try:
        compare_with_parent(run, setup.splits, reporter)
    except Interrupted:
        raise
    except CnnxferError as error:
        reporter.warn(f"not compared with the model from before: {error}")
        return False
    return True
