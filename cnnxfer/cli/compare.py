"""`cnnxfer compare`: ranks backbones on your images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli import values
from cnnxfer.cli.data_options import Data, the_data
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import ConfigFile, Json, Quiet, Verbose
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.console import show_result
from cnnxfer.files import format_bytes
from cnnxfer.reporting import Result, listed, printable
from cnnxfer.spelling import command
from cnnxfer.tasks.score import NAMES

if TYPE_CHECKING:
    from rich.table import Table

    from cnnxfer.evaluation.comparison import Comparison
    from cnnxfer.tasks.significance import Accuracy


@with_options("compare", essential="backbones budget")
def compare(
    spec: Data = None,
    backbones: Annotated[
        str | None,
        typer.Option(
            "--backbones",
            "-b",
            help="Names from `cnnxfer backbones`, separated by commas.",
            show_default="all whose weights are on this machine",
            autocompletion=values.several_backbones,
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", help="When to stop, such as 90s, 10m or 2h.")
    ] = "10m",
    config: ConfigFile = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Rank backbones on your images, by training a head on the features of each.

    Examples:
        cnnxfer compare photos/  # all that are here
        cnnxfer compare photos/ --budget 2m  # as many as that allows
        cnnxfer compare photos/ --backbones resnet50,xception  # two

    The features are cached: training on one of the backbones, or comparing again
    with a larger budget, does not compute them again.
    """
    data = the_data(spec, options.pop("data"))
    comparison = cnnxfer.compare(
        data,
        backbones,
        budget=budget,
        config=config,
        reporter=TerminalReporter(),
        **options,
    )
    if json:
        print_json(comparison)
        return
    stdout().print(_table(comparison))
    print(
        f"\n{printable(comparison.data)}: heads were trained on "
        f"{comparison.train_images} images and measured on {comparison.val_images} "
        "others"
    )
    engines = sorted({place.engine for place in comparison.places})
    for engine in engines:
        names = [each.backbone for each in comparison.places if each.engine == engine]
        of = f" of {listed(names)}" if len(engines) > 1 else ""
        print(f"features{of}: {' in '.join(engine.split())}")
    for name, reason in comparison.left_out.items():
        print(f"left out {name}: {printable(reason)}")
    if comparison.places:
        print()
        show_result(_result(comparison, data), stdout())


def _result(comparison: Comparison, data: str | None) -> Result:
    best = comparison.places[0]
    share = best.val_accuracy
    figure = NAMES[best.monitor]
    found = share.named("accuracy") if share else f"{best.val_monitored:.1%} {figure}"
    words = {} if data is None else {"data": data}
    train = command("train", backbone=best.backbone, **words)
    return Result(f"{best.backbone}: {found}", (("next", train),))


def _table(comparison: Comparison) -> Table:
    monitors = {place.monitor for place in comparison.places} - {"accuracy"}
    accuracies = any(place.val_accuracy for place in comparison.places)
    columns = (
        *monitors,  # at most one
        *(["accuracy" if monitors else "validation", "95% interval"] * accuracies),
        "images/s",
        "pixels",
        "parameters",
        "size",
        "took",
    )
    table = cell_table("backbone", *columns, right=columns)
    for place in comparison.places:
        table.add_row(
            place.backbone,
            *[f"{place.val_monitored:.1%}" for _ in monitors],
            *_accuracy(place.val_accuracy),
            f"{place.images_per_second:,.0f}",
            str(place.image_size),
            f"{place.parameters / 1e6:.1f} M",
            format_bytes(place.size_bytes),
            f"{place.seconds:.0f} s",
        )
    return table


def _accuracy(accuracy: Accuracy | None) -> list[str]:
    if not accuracy:
        return []
    return [f"{accuracy.value:.1%}", f"{accuracy.low:.1%} to {accuracy.high:.1%}"]
