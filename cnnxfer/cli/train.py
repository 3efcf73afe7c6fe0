"""`cnnxfer train`, `unfreeze` and `resume`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnxfer import api
from cnnxfer.cli.options import the_data, with_options
from cnnxfer.cli.shared_options import ConfigFile, Json, Quiet, RunsDir, Spec, Verbose
from cnnxfer.cli.stages_table import stages_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.errors import ConfigError
from cnnxfer.runs import Run
from cnnxfer.spelling import command
from cnnxfer.training.phase import PHASES

if TYPE_CHECKING:
    from cnnxfer.training.phases.plan import StageRow

NewPlace = Annotated[
    str | None,
    typer.Option(
        "--data",
        "-d",
        help="Where the run's images are now, if they have moved.",
        show_default="where they were",
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


@with_options("train")
def train(
    spec: Spec = None,
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
    """Train a new head on a frozen backbone, or a whole network from scratch."""
    run = api.train(
        the_data(spec, options),
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


@with_options("unfreeze")
def unfreeze(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run to fine-tune.")
    ] = "latest",
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
    """Fine-tune a run: its last layers, or all, go on learning."""
    last, start = options["last"], options["start"]
    choices = {"--all": all_layers, f"--last {last}": last, f"--from {start}": start}
    chosen = [option for option, value in choices.items() if value]
    if len(chosen) > 1:
        raise ConfigError(f"{chosen[0]} and {chosen[1]} cannot be combined. Use one.")
    if all_layers:
        options["last"] = "100%"
    if dry_run:
        rows = api.unfreeze_plan(
            run, data=data, config=config, runs_dir=runs_dir, **options
        )
        _print_stages(rows, json)
        return
    fine_tuned = api.unfreeze(
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


def resume(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run to go on with.")
    ] = "latest",
    data: NewPlace = None,
    epochs: Annotated[
        str | None,
        typer.Option(
            "--epochs",
            metavar="+N",
            help="Train N more epochs; a finished run goes on, too.",
        ),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Go on with a run where it stopped."""
    resumed = api.resume(
        run, data=data, epochs=epochs, runs_dir=runs_dir, reporter=TerminalReporter()
    )
    _print_run(resumed, json)


def _print_stages(rows: list[StageRow], json: bool) -> None:
    if json:
        print_json({"stages": [dataclasses.asdict(row) for row in rows]})
        return
    stdout().print(stages_table(rows))
    for text in dict.fromkeys(row.text for row in rows):
        TerminalReporter().info(text)


def _print_run(run: Run, json: bool) -> None:
    if json:
        print_json({"run": run.path, "metrics": run.metrics})
        return
    print(run.path)
    reporter = TerminalReporter()
    next_one = command(PHASES.get(run.phase).next_command, run.path)
    reporter.info(f"next: {next_one}")
    reporter.info(f"or: {command('predict', 'IMAGES', model=run.path)}")
