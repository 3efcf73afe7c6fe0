"""Options of `train` and `unfreeze`."""

from __future__ import annotations

from typing import Annotated

import typer

LEARNING = "How it learns"

Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="Settings that belong together: textbook, fast (minutes on two cores) or "
        "best.",
    ),
]
Lr = Annotated[
    str | None,
    typer.Option(
        "--lr", help="Highest learning rate, or auto.", rich_help_panel=LEARNING
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", help="Passes over the training images.", rich_help_panel=LEARNING
    ),
]
Optimizer = Annotated[
    str | None,
    typer.Option(
        "--optimizer",
        help="sgd, adamw, adam, lion or rmsprop.",
        rich_help_panel=LEARNING,
    ),
]
Schedule = Annotated[
    str | None,
    typer.Option(
        "--schedule",
        help="cosine, constant, one-cycle, inverse-time, step or plateau.",
        rich_help_panel=LEARNING,
    ),
]
Warmup = Annotated[
    float | None,
    typer.Option(
        "--warmup", help="Epochs over which the rate climbs.", rich_help_panel=LEARNING
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option(
        "--weight-decay",
        help="Decoupled weight decay, not of norms and biases; 0 for none.",
        rich_help_panel=LEARNING,
    ),
]
ClipNorm = Annotated[
    float | None,
    typer.Option(
        "--clip-norm",
        help="Length to which longer gradients are cut; 0 for no limit.",
        rich_help_panel=LEARNING,
    ),
]
LabelSmoothing = Annotated[
    float | None,
    typer.Option(
        "--label-smoothing",
        help="Share of a label that is spread over all classes.",
        rich_help_panel=LEARNING,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        help="Epochs without a better one after which training stops.",
        rich_help_panel=LEARNING,
    ),
]
Ema = Annotated[
    float | None,
    typer.Option(
        "--ema",
        help="Score and save the moving average of the weights, such as 0.99.",
        rich_help_panel=LEARNING,
    ),
]
Accumulate = Annotated[
    int | None,
    typer.Option(
        "--accumulate",
        help="Parts of a batch that are computed one after the other.",
        rich_help_panel=LEARNING,
    ),
]
Batch = Annotated[
    str | None,
    typer.Option(
        "--batch",
        help="Images in a step, or auto: the number that trains fastest.",
        rich_help_panel=LEARNING,
    ),
]
Views = Annotated[
    int | None,
    typer.Option(
        "--views",
        help="Random views of each image that are kept for all epochs.",
        rich_help_panel=LEARNING,
    ),
]
Cache = Annotated[
    bool | None,
    typer.Option(
        "--cache/--no-cache",
        help="Keep what frozen layers make of an image, or compute it every epoch.",
        rich_help_panel=LEARNING,
    ),
]
TimeBudget = Annotated[
    str | None,
    typer.Option(
        "--time-budget",
        help="Train as long as this at most, such as 30m; features that are kept take "
        "the time they take.",
    ),
]
CheckpointEvery = Annotated[
    str | None,
    typer.Option(
        "--checkpoint-every",
        help="How often to save within an epoch.",
        show_default="5m",
    ),
]
