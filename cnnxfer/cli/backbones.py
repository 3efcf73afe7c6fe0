"""`cnnxfer backbones`: lists and shows the networks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weight_files import WeightFile, weight_file
from cnnxfer.backbones.weights import find_weights, how_to_get_weights
from cnnxfer.cli import values
from cnnxfer.cli.command import Commands
from cnnxfer.cli.shared_options import Json, Quiet, Verbose
from cnnxfer.cli.tables import cell_table, detail_table
from cnnxfer.cli.terminal import print_json, stdout
from cnnxfer.keras_backend import import_keras_quietly

if TYPE_CHECKING:
    from rich.table import Table

    from cnnxfer.networks.layer_list import LayerRow

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A backbone; case, hyphens and underscores do not matter.",
        autocompletion=values.backbones,
    ),
]

group = Commands()


@group.callback(invoke_without_command=True)
def backbones(
    context: typer.Context,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the networks, or show one. Without a command, list them.

    Examples:
        cnnxfer backbones
        cnnxfer backbones show resnet50
        cnnxfer backbones --json
    """
    if context.invoked_subcommand is None:
        list_(json)


@group.command("list")
def list_(json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """List the networks, and which have their weights on this machine.

    Examples:
        cnnxfer backbones list
        cnnxfer backbones list --json
        cnnxfer backbones list | grep mobilenet

    The accuracies are those published for the validation images of ImageNet.
    """
    if json:
        print_json([_document(backbone) for backbone in BACKBONES])
        return
    stdout().print(_table())
    stdout().print("\nDetails of one: cnnxfer backbones show NAME")


@group.command()
def show(
    name: Name,
    layers: Annotated[
        bool,
        typer.Option(
            "--layers",
            help="List its layers, and where it can be cut. This builds the network, "
            "which takes some seconds; its weights are not needed.",
        ),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the details of one network.

    Examples:
        cnnxfer backbones show xception
        cnnxfer backbones show xception --layers  # and where it can be cut
        cnnxfer backbones show xception --json
    """
    backbone = BACKBONES.get(name)
    if layers:
        _show_layers(backbone, json)
        return
    if json:
        print_json(_document(backbone))
        return
    stdout().print(_details(backbone))
    stdout().print(f"\nTrain on it: cnnxfer train DIR --backbone {backbone.name}")


def _show_layers(backbone: Backbone, json: bool) -> None:
    import_keras_quietly()
    from cnnxfer.backbones.build import build_backbone
    from cnnxfer.networks.layer_list import list_layers

    rows = list_layers(build_backbone(backbone, image_size=backbone.image_size))
    if json:
        print_json(rows)
        return
    stdout().print(_layer_table(rows))
    stdout().print(
        "\nTrain from a layer on: cnnxfer unfreeze --from NAME, the beginning of a "
        "name, or a position.\nAt a cut, activations of frozen layers can be cached."
    )


def _layer_table(rows: list[LayerRow]) -> Table:
    columns = ("position", "name", "kind", "output", "parameters", "cut")
    table = cell_table(*columns, right=("position", "parameters"))
    for row in rows:
        table.add_row(
            str(row.position),
            row.name,
            row.kind,
            "x".join(map(str, row.shape)),
            f"{row.parameters:,}" if row.parameters else "",
            "yes" if row.boundary else "",
        )
    return table


def _document(backbone: Backbone) -> dict[str, Any]:
    return asdict(backbone) | {"weights_path": _weights_path(backbone)}


def _weights_path(backbone: Backbone) -> Path | None:
    return find_weights(backbone, include_top=False)


def _table() -> Table:
    figures = ("size", "parameters (M)", "top-1 %", "top-5 %")
    table = cell_table("name", *figures, "weights here", right=figures)
    for backbone in BACKBONES:
        table.add_row(
            backbone.name,
            str(backbone.image_size),
            _millions(backbone),
            _percent(backbone.top1),
            _percent(backbone.top5),
            _weights_here(backbone),
        )
    return table


def _weights_here(backbone: Backbone) -> str:
    if weight_file(backbone, include_top=False) is None:
        return "none"
    return "yes" if _weights_path(backbone) else "no"


def _details(backbone: Backbone) -> Table:
    return detail_table(
        (
            ("name", backbone.name),
            ("image size", f"{backbone.image_size} pixels a side"),
            ("smallest size", f"{backbone.min_size} pixels a side"),
            ("parameters", f"{_millions(backbone)} million, with the head"),
            ("top-1 accuracy", _accuracy(backbone.top1)),
            ("top-5 accuracy", _accuracy(backbone.top5)),
            ("normalization", backbone.normalization),
            ("built by", _constructor(backbone)),
            ("paper", backbone.paper),
            ("weights", _weights_location(backbone)),
        )
    )


def _constructor(backbone: Backbone) -> str:
    arguments = ", ".join(f"{key}={value}" for key, value in backbone.arguments.items())
    return f"{backbone.builder.replace(':', '.')}({arguments})"


def _weights_location(backbone: Backbone) -> str:
    if path := _weights_path(backbone):
        return str(path)
    file = weight_file(backbone, include_top=False)
    if isinstance(file, WeightFile):
        return f"not here; they come from {file.url}"
    place = "not here" if file else "none of ImageNet"
    return f"{place}. {how_to_get_weights(backbone, include_top=False)}"


def _millions(backbone: Backbone) -> str:
    return f"{backbone.parameters / 1e6:.1f}"


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.1f}"


def _accuracy(fraction: float | None) -> str:
    return "not published" if fraction is None else f"{_percent(fraction)} %"
