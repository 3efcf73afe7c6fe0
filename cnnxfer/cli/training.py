"""`train`, `unfreeze` and `resume`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from cnnxfer import api
from cnnxfer.cli.options import (
    Augment,
    ConfigFile,
    Data,
    Devices,
    Engine,
    Exclude,
    GroupBy,
    Json,
    Limit,
    Precision,
    Quiet,
    RunsDir,
    Seed,
    Split,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, print_json
from cnnxfer.errors import ConfigError
from cnnxfer.runs import Run

Lr = Annotated[float | None, typer.Option("--lr", help="Highest learning rate.")]
Epochs = Annotated[
    int | None, typer.Option("--epochs", help="Passes over the training images.")
]
Optimizer = Annotated[
    str | None, typer.Option("--optimizer", help="sgd (with momentum) or adamw.")
]
Schedule = Annotated[
    str | None,
    typer.Option("--schedule", help="cosine, constant or inverse-time."),
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Images a step.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command()(train)
    app.command()(unfreeze)
    app.command()(resume)


def train(
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            "-b",
            help="A name from `cnnxfer backbones`.",
            show_default="efficientnet-lite0",
        ),
    ] = None,
    data: Data = None,
    config: ConfigFile = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="imagenet, none or a file.")
    ] = None,
    split: Split = None,
    group_by: GroupBy = None,
    limit: Limit = None,
    exclude: Exclude = None,
    image_size: Annotated[
        int | None, typer.Option("--image-size", help="Side in pixels.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option("--head", help="linear, or mlp.", show_default="linear"),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option(
            "--class-weights",
            help="none, auto (the more, the rarer) or a file of CLASS,WEIGHT lines.",
            show_default="none",
        ),
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option(
            "--sampling",
            help="natural, or balanced: as many images of every class.",
            show_default="natural",
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            help="cross-entropy, or focal: hard images count more.",
            show_default="cross-entropy",
        ),
    ] = None,
    monitor: Annotated[
        str | None,
        typer.Option(
            "--monitor",
            help="What tells the best epoch: accuracy, macro-f1 or auto.",
            show_default="auto",
        ),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(
            "--views", help="Random views of each image, kept for all epochs."
        ),
    ] = None,
    cache: Annotated[
        bool | None,
        typer.Option(
            "--cache/--no-cache", help="Keep features, or compute them every epoch."
        ),
    ] = None,
    augment: Augment = None,
    engine: Engine = None,
    fine_tune: Annotated[
        bool, typer.Option("--fine-tune", help="Go on with the second phase.")
    ] = False,
    lr: Lr = None,
    epochs: Epochs = None,
    optimizer: Optimizer = None,
    schedule: Schedule = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    precision: Precision = None,
    devices: Devices = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a new head on a frozen backbone."""
    run = api.train(
        backbone,
        data,
        config=config,
        weights=weights,
        split=split,
        group_by=group_by,
        limit=limit,
        exclude=exclude,
        image_size=image_size,
        head=head,
        class_weights=class_weights,
        sampling=sampling,
        loss=loss,
        monitor=monitor,
        views=views,
        cache=cache,
        augment=augment,
        engine=engine,
        batch_size=batch_size,
        epochs=epochs,
        lr=lr,
        optimizer=optimizer,
        schedule=schedule,
        seed=seed,
        precision=precision,
        devices=devices,
        fine_tune=fine_tune,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
    )
    _print_run(run, json)


def unfreeze(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run to go on from.")
    ] = "latest",
    lr: Lr = None,
    epochs: Epochs = None,
    last: Annotated[
        str | None,
        typer.Option("--last", help="Share of the backbone that learns, as 30%."),
    ] = None,
    all_layers: Annotated[
        bool, typer.Option("--all", help="The whole backbone learns.")
    ] = False,
    bn: Annotated[
        str | None,
        typer.Option("--bn", help="BatchNormalization: frozen or train."),
    ] = None,
    optimizer: Optimizer = None,
    schedule: Schedule = None,
    augment: Augment = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    precision: Precision = None,
    devices: Devices = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fine-tune a run: its last layers, or all, learn on."""
    if all_layers and last:
        raise ConfigError(f"--all and --last {last} exclude each other; give one.")
    tuned = api.unfreeze(
        run,
        lr=lr,
        epochs=epochs,
        last="100%" if all_layers else last,
        bn=bn,
        optimizer=optimizer,
        schedule=schedule,
        augment=augment,
        batch_size=batch_size,
        seed=seed,
        precision=precision,
        devices=devices,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
    )
    _print_run(tuned, json)


def resume(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="An interrupted run.")
    ] = "latest",
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Go on with a run after its last finished epoch."""
    resumed = api.resume(run, runs_dir=runs_dir, reporter=TerminalReporter())
    _print_run(resumed, json)


def _print_run(run: Run, json: bool) -> None:
    if json:
        print_json({"run": run.path, "metrics": run.metrics})
        return
    print(run.path)
    path = shlex.quote(str(run.path))
    phase = f"cnnxfer evaluate {path}" if run.parent else f"cnnxfer unfreeze {path}"
    TerminalReporter().info(f"next: {phase}")
    TerminalReporter().info(f"or: cnnxfer predict IMAGES --model {path}")
