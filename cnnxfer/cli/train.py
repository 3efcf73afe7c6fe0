"""`cnnxfer train`, `unfreeze` and `resume`."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from cnnxfer import api
from cnnxfer.api.options import UnfreezeOptions
from cnnxfer.cli.shared_options import (
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
from cnnxfer.cli.stages_table import stages_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.cli.train_options import (
    Accumulate,
    Batch,
    Cache,
    CheckpointEvery,
    ClipNorm,
    Ema,
    Epochs,
    LabelSmoothing,
    Lr,
    Optimizer,
    Patience,
    Recipe,
    Schedule,
    TimeBudget,
    Views,
    Warmup,
    WeightDecay,
)
from cnnxfer.errors import ConfigError
from cnnxfer.runs import Run

if TYPE_CHECKING:
    from cnnxfer.training.phases.plan import StageRow


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
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="classification, multi-label (any number of labels an image) or auto.",
            show_default="auto",
        ),
    ] = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="imagenet, none or a file.")
    ] = None,
    split: Split = None,
    group_by: GroupBy = None,
    limit: Limit = None,
    exclude: Exclude = None,
    image_size: Annotated[
        int | None,
        typer.Option("--image-size", help="Side of the network's input in pixels."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option("--head", help="linear or mlp.", show_default="linear"),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option(
            "--class-weights",
            help="none, auto (more for rare classes) or a file of CLASS,WEIGHT lines.",
            show_default="none",
        ),
    ] = None,
    sampling: Annotated[
        str | None,
        typer.Option(
            "--sampling",
            help="natural, or balanced: equally many images of every class.",
            show_default="natural",
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            help="cross-entropy, or focal: difficult images count more.",
            show_default="cross-entropy",
        ),
    ] = None,
    monitor: Annotated[
        str | None,
        typer.Option(
            "--monitor",
            help="The metric for the best epoch: accuracy, macro-f1 or auto.",
            show_default="auto",
        ),
    ] = None,
    views: Views = None,
    cache: Cache = None,
    augment: Augment = None,
    engine: Engine = None,
    fine_tune: Annotated[
        bool,
        typer.Option(
            "--fine-tune",
            help="Go on with fine-tuning, with the settings of the recipe or --config.",
        ),
    ] = False,
    lr: Lr = None,
    epochs: Epochs = None,
    optimizer: Optimizer = None,
    schedule: Schedule = None,
    warmup: Warmup = None,
    weight_decay: WeightDecay = None,
    clip_norm: ClipNorm = None,
    label_smoothing: LabelSmoothing = None,
    patience: Patience = None,
    ema: Ema = None,
    batch: Batch = None,
    accumulate: Accumulate = None,
    time_budget: TimeBudget = None,
    checkpoint_every: CheckpointEvery = None,
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
        task=task,
        recipe=recipe,
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
        lr=lr,
        epochs=epochs,
        optimizer=optimizer,
        schedule=schedule,
        warmup=warmup,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        label_smoothing=label_smoothing,
        patience=patience,
        ema=ema,
        batch=batch,
        accumulate=accumulate,
        time_budget=time_budget,
        checkpoint_every=checkpoint_every,
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
        str, typer.Argument(metavar="RUN", help="The run to fine-tune.")
    ] = "latest",
    recipe: Recipe = None,
    config: ConfigFile = None,
    last: Annotated[
        str | None,
        typer.Option(
            "--last", help="Percentage of the layers that learn, such as 30%."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="LAYER",
            help="The first layer that learns: its position, or the beginning of its "
            "name, as in `cnnxfer backbones show NAME --layers`.",
        ),
    ] = None,
    all_layers: Annotated[
        bool, typer.Option("--all", help="The whole backbone learns.")
    ] = False,
    gradual: Annotated[
        int | None,
        typer.Option(
            "--gradual", help="Number of stages in which layers start to learn."
        ),
    ] = None,
    layer_decay: Annotated[
        float | None,
        typer.Option(
            "--layer-decay",
            help="Rate of earlier layers relative to later ones, such as 0.8.",
        ),
    ] = None,
    bn: Annotated[
        str | None,
        typer.Option("--bn", help="BatchNormalization: frozen or train."),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option("--keep", help="The model to save: best on validation, or last."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would learn.")
    ] = False,
    lr: Lr = None,
    epochs: Epochs = None,
    optimizer: Optimizer = None,
    schedule: Schedule = None,
    warmup: Warmup = None,
    weight_decay: WeightDecay = None,
    clip_norm: ClipNorm = None,
    label_smoothing: LabelSmoothing = None,
    patience: Patience = None,
    ema: Ema = None,
    batch: Batch = None,
    accumulate: Accumulate = None,
    time_budget: TimeBudget = None,
    checkpoint_every: CheckpointEvery = None,
    views: Views = None,
    cache: Cache = None,
    augment: Augment = None,
    engine: Engine = None,
    seed: Seed = None,
    precision: Precision = None,
    devices: Devices = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fine-tune a run: its last layers, or all, go on learning."""
    choices = {"--all": all_layers, f"--last {last}": last, f"--from {start}": start}
    chosen = [option for option, value in choices.items() if value]
    if len(chosen) > 1:
        raise ConfigError(f"{chosen[0]} and {chosen[1]} cannot be combined. Use one.")
    options = UnfreezeOptions(
        recipe=recipe,
        last="100%" if all_layers else last,
        start=start,
        gradual=gradual,
        layer_decay=layer_decay,
        bn=bn,
        keep=keep,
        views=views,
        cache=cache,
        augment=augment,
        engine=engine,
        lr=lr,
        epochs=epochs,
        optimizer=optimizer,
        schedule=schedule,
        warmup=warmup,
        weight_decay=weight_decay,
        clip_norm=clip_norm,
        label_smoothing=label_smoothing,
        patience=patience,
        ema=ema,
        batch=batch,
        accumulate=accumulate,
        time_budget=time_budget,
        checkpoint_every=checkpoint_every,
        seed=seed,
        precision=precision,
        devices=devices,
    )
    if dry_run:
        rows = api.unfreeze_plan(run, config=config, runs_dir=runs_dir, **options)
        _print_stages(rows, json)
        return
    fine_tuned = api.unfreeze(
        run,
        config=config,
        runs_dir=runs_dir,
        reporter=TerminalReporter(),
        **options,
    )
    _print_run(fine_tuned, json)


def resume(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run to go on with.")
    ] = "latest",
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
        run, epochs=epochs, runs_dir=runs_dir, reporter=TerminalReporter()
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
    path = shlex.quote(str(run.path))
    command = "evaluate" if run.parent else "unfreeze"
    TerminalReporter().info(f"next: cnnxfer {command} {path}")
    TerminalReporter().info(f"or: cnnxfer predict IMAGES --model {path}")
