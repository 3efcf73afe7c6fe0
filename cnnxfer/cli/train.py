"""`cnnxfer train`, `unfreeze` and `resume`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli import terminal, values
from cnnxfer.cli.data_options import Data, the_data
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import (
    ConfigFile,
    Json,
    Quiet,
    RunName,
    RunsDir,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.console import stderr
from cnnxfer.errors import ConfigError

if TYPE_CHECKING:
    from cnnxfer.runs import Run
    from cnnxfer.training.phases.plan import StageRow

NewPlace = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        help="Where the run's images are now, if they have moved.",
        show_default="where they were",
        autocompletion=values.data,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="What to call the new run.",
        show_default="the data's name and a number",
    ),
]
TensorBoard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Write every epoch and the results for TensorBoard, into the run.",
    ),
]
Mlflow = Annotated[
    bool,
    typer.Option(
        "--mlflow",
        help="Send settings, every epoch and the results to MLflow.",
    ),
]


@with_options(
    "train",
    essential="backbone recipe fine_tune epochs lr augment time_budget config",
)
def train(
    spec: Data = None,
    name: Name = None,
    config: ConfigFile = None,
    fine_tune: Annotated[
        bool,
        typer.Option(
            "--fine-tune",
            help="Go on with fine-tuning, with the settings of the recipe or --config.",
        ),
    ] = False,
    tensorboard: TensorBoard = False,
    mlflow: Mlflow = False,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Train a new head on a frozen backbone, or a whole network from scratch.

    Examples:
        cnnxfer train photos/  # each subfolder is a class
        cnnxfer train photos/ --backbone xception  # another network
        cnnxfer train photos/ --recipe best --fine-tune  # in two phases
    """
    run = cnnxfer.train(
        the_data(spec, options.pop("data")),
        name=name,
        config=config,
        fine_tune=fine_tune,
        tensorboard=tensorboard,
        mlflow=mlflow,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
        **options,
    )
    _print_run(run, json)


@with_options("unfreeze", essential="last all_layers start epochs lr recipe dry_run")
def unfreeze(
    run: RunName = "latest",
    name: Name = None,
    data: NewPlace = None,
    config: ConfigFile = None,
    all_layers: Annotated[
        bool, typer.Option("--all", help="The whole backbone learns.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would learn.")
    ] = False,
    tensorboard: TensorBoard = False,
    mlflow: Mlflow = False,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Fine-tune a run: its last layers, or all, go on learning.

    Examples:
        cnnxfer unfreeze  # the last third of the latest run
        cnnxfer unfreeze --last 50% --epochs 12  # more of it, for longer
        cnnxfer unfreeze --all --dry-run  # only show what would learn
    """
    last, start = options["last"], options["start"]
    choices = {"--all": all_layers, f"--last {last}": last, f"--from {start}": start}
    chosen = [option for option, value in choices.items() if value]
    if len(chosen) > 1:
        raise ConfigError(f"{chosen[0]} and {chosen[1]} cannot be combined. Use one.")
    if all_layers:
        options["last"] = "100%"
    if dry_run:
        rows = cnnxfer.unfreeze_plan(
            run, data=data, config=config, runs_dir=runs_dir, **options
        )
        _print_stages(rows, json)
        return
    fine_tuned = cnnxfer.unfreeze(
        run,
        name=name,
        data=data,
        config=config,
        tensorboard=tensorboard,
        mlflow=mlflow,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
        **options,
    )
    _print_run(fine_tuned, json)


@with_options("resume")
def resume(
    run: RunName = "latest",
    data: NewPlace = None,
    epochs: Annotated[
        str | None,
        typer.Option(
            "--epochs",
            metavar="+N",
            help="Train N more epochs; a finished run goes on, too.",
            show_default="as many as are missing",
        ),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Go on with a run where it stopped.

    Examples:
        cnnxfer resume  # the latest run, if it was interrupted
        cnnxfer resume --epochs +10  # ten epochs more, also of a finished run
        cnnxfer resume --data /mnt/photos  # its images are elsewhere now
    """
    resumed = cnnxfer.resume(
        run,
        data=data,
        epochs=epochs,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
        **options,
    )
    _print_run(resumed, json)


def _print_stages(rows: list[StageRow], json: bool) -> None:
    from cnnxfer.cli.stages_table import stages_table

    if json:
        print_json({"stages": [dataclasses.asdict(row) for row in rows]})
        return
    stdout().print(stages_table(rows))
    for text in dict.fromkeys(row.text for row in rows):
        TerminalReporter().info(text)


def _print_run(run: Run, json: bool) -> None:
    from cnnxfer.training.workers.joining import is_follower

    if is_follower():
        return
    if json:
        print_json({"run": run.path, "metrics": run.metrics})
        return
    # The result, which has been told, names it, too.
    if terminal.volume.quiet or not (stdout().is_terminal and stderr().is_terminal):
        print(run.path)
