"""The options that `train` and `unfreeze` share."""

from __future__ import annotations

from typing import Annotated

import typer

LEARNING = "Training"

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
        "--lr", help="The highest learning rate, or auto.", rich_help_panel=LEARNING
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
        "--warmup",
        help="Epochs in which the learning rate rises.",
        rich_help_panel=LEARNING,
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option(
        "--weight-decay",
        help="Weight decay, not of norms and biases; 0 for none.",
        rich_help_panel=LEARNING,
    ),
]
ClipNorm = Annotated[
    float | None,
    typer.Option(
        "--clip-norm",
        help="The largest gradient norm; 0 for no limit.",
        rich_help_panel=LEARNING,
    ),
]
LabelSmoothing = Annotated[
    float | None,
    typer.Option(
        "--label-smoothing",
        help="Fraction of a label that is spread over all classes.",
        rich_help_panel=LEARNING,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        help="Stop after this many epochs without improvement.",
        rich_help_panel=LEARNING,
    ),
]
Ema = Annotated[
    float | None,
    typer.Option(
        "--ema",
        help="Save an average of the weights with this decay, such as 0.99.",
        rich_help_panel=LEARNING,
    ),
]
Accumulate = Annotated[
    int | None,
    typer.Option(
        "--accumulate",
        help="Compute each batch in this many parts, to save memory.",
        rich_help_panel=LEARNING,
    ),
]
Batch = Annotated[
    str | None,
    typer.Option(
        "--batch",
        help="Images per update, or auto: the fastest number.",
        rich_help_panel=LEARNING,
    ),
]
Views = Annotated[
    int | None,
    typer.Option(
        "--views",
        help="Random views of each image, cached for all epochs.",
        rich_help_panel=LEARNING,
    ),
]
Cache = Annotated[
    bool | None,
    typer.Option(
        "--cache/--no-cache",
        help="Cache the activations of frozen layers, or compute them every epoch.",
        rich_help_panel=LEARNING,
    ),
]
TimeBudget = Annotated[
    str | None,
    typer.Option(
        "--time-budget",
        help="The longest time to train, such as 30m; computing cached features may "
        "take longer.",
    ),
]
CheckpointEvery = Annotated[
    str | None,
    typer.Option(
        "--checkpoint-every",
        help="Time between checkpoints within an epoch.",
        show_default="5m",
    ),
]
