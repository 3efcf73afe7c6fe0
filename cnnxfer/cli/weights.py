"""`cnnxfer weights`: lists, downloads, verifies and finds files of weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weight_files import keras_models_dir, weight_file
from cnnxfer.backbones.weights import (
    ensure_weights,
    expected_digest,
    find_weights,
    how_to_repair,
    missing_weights,
    verify_weights,
)
from cnnxfer.cli import values
from cnnxfer.cli.command import Commands
from cnnxfer.cli.shared_options import Json, Quiet, Verbose, own_or_group_value
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.files import format_bytes

if TYPE_CHECKING:
    from rich.table import Table

All = Annotated[
    bool,
    typer.Option(
        "--all",
        help="Also list the backbones whose files are missing.",
        callback=own_or_group_value,
    ),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A backbone; see `cnnxfer backbones`.",
        autocompletion=values.backbones,
    ),
]
OptionalName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME",
        help="A backbone.",
        show_default="all",
        autocompletion=values.backbones,
    ),
]

group = Commands()


@dataclass(frozen=True)
class _File:
    """A weight file of a backbone; path and size are None if it is missing."""

    backbone: str
    head: str  # "with" or "without" the ImageNet head; "either" if one file is both
    path: Path | None
    size_bytes: int | None


@dataclass(frozen=True)
class _Check:
    """The result of verifying a weight file; `problem` is None if it is intact."""

    backbone: str
    head: str
    path: Path
    checked: str
    problem: str | None


@group.callback(invoke_without_command=True)
def weights(
    context: typer.Context,
    all_: All = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List, download, verify and find the files of ImageNet weights.

    Examples:
        cnnxfer weights  # the files on this machine
        cnnxfer weights pull resnet50  # before it is trained on, or for another machine
        cnnxfer weights verify

    They are in $KERAS_HOME/models, or ~/.keras/models, where Keras looks for them,
    too. CNNXFER_WEIGHTS_MIRROR=URL downloads them from a mirror, a served copy of
    that directory. Without a command, list the files on this machine.
    """
    if context.invoked_subcommand is None:
        list_(all_, json)


@group.command("list")
def list_(
    all_: All = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the backbones whose weight files are on this machine.

    Examples:
        cnnxfer weights list
        cnnxfer weights list --all  # those that are not here, too
        cnnxfer weights list --json
    """
    files = [file for backbone in BACKBONES for file in _files(backbone)]
    if not all_:
        files = [file for file in files if file.path is not None]
    if json:
        print_json(files)
    else:
        stdout().print(_list_table(files))


@group.command()
def pull(
    name: Name, json: Json = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Download a backbone's files, with and without the ImageNet head, and verify them.

    Examples:
        cnnxfer weights pull resnet50
        cnnxfer weights pull efficientnet-lite0
        cnnxfer weights pull mobilenet --json

    Prints their paths. To use them on a machine without a network, copy them to
    the same directory there.
    """
    backbone = BACKBONES.get(name)
    reporter = TerminalReporter()
    for include_top in (False, True):
        ensure_weights(backbone, include_top=include_top, reporter=reporter)
    files = _files(backbone)
    if json:
        print_json(files)
    else:
        _print_paths(file.path for file in files)
    if any(file.path and file.path.parent == keras_models_dir() for file in files):
        reporter.info(
            "For a machine without a network, copy them to ~/.keras/models there, "
            "or to $KERAS_HOME/models."
        )


@group.command()
def verify(
    name: OptionalName = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Verify the weight files on this machine: their hashes, or every tensor in them.

    Examples:
        cnnxfer weights verify
        cnnxfer weights verify resnet50
        cnnxfer weights verify --json

    Ends with exit code 1 if a file is wrong.
    """
    backbones = list(BACKBONES) if name is None else [BACKBONES.get(name)]
    checks = [check for backbone in backbones for check in _checks(backbone)]
    if name is not None and not checks:
        raise _missing(backbones[0])
    if json:
        print_json(checks)
    else:
        stdout().print(_verify_table(checks))
    if wrong := [check for check in checks if check.problem]:
        raise RunError(
            " ".join(
                f"{check.problem} {how_to_repair(BACKBONES.get(check.backbone))}"
                for check in wrong
            )
        )


@group.command()
def path(
    name: Name, json: Json = False, quiet: Quiet = False, verbose: Verbose = False
) -> None:
    """Print the path of a backbone's file without the ImageNet head.

    Examples:
        cnnxfer weights path resnet50
        cnnxfer weights path resnet50 --json
        scp "$(cnnxfer weights path resnet50)" other:.keras/models/

    Ends with exit code 2 if the file is not on this machine.
    """
    backbone = BACKBONES.get(name)
    found = find_weights(backbone, include_top=False)
    if found is None:
        raise _missing(backbone)
    if json:
        print_json({"backbone": backbone.name, "path": found})
    else:
        _print_paths([found])


def _missing(backbone: Backbone) -> ConfigError:
    return ConfigError(missing_weights(backbone, include_top=False))


def _files(backbone: Backbone) -> list[_File]:
    without, with_head = (
        weight_file(backbone, include_top=include_top) for include_top in (False, True)
    )
    if without is None or with_head is None:
        return []
    found = {"without": without.path(), "with": with_head.path()}
    if without == with_head:
        found = {"either": without.path()}
    return [
        _File(backbone.name, head, path, path.stat().st_size if path else None)
        for head, path in found.items()
    ]


def _checks(backbone: Backbone) -> Iterable[_Check]:
    for file in _files(backbone):
        if file.path is None:
            continue
        digest = expected_digest(backbone, include_top=file.head == "with")
        checked = {
            0: "every tensor",
            8: "8 digits of SHA-256",
            32: "MD5",
            64: "SHA-256",
        }[len(digest)]
        problem = None
        try:
            verify_weights(file.path, digest)
        except DataError as error:
            problem = str(error)
        yield _Check(backbone.name, file.head, file.path, checked, problem)


def _print_paths(paths: Iterable[Path | None]) -> None:
    # Not printed by Rich, which would fold long paths.
    for found in paths:
        print(found)


def _list_table(files: list[_File]) -> Table:
    from rich.text import Text

    table = cell_table(
        "backbone", "head", "size", "path", wide=("path",), right=("size",)
    )
    for file in files:
        missing = file.path is None or file.size_bytes is None
        size = "" if file.size_bytes is None else format_bytes(file.size_bytes)
        shown = Text("missing", style="dim") if missing else str(file.path)
        table.add_row(file.backbone, file.head, size, shown)
    return table


def _verify_table(checks: list[_Check]) -> Table:
    from rich.text import Text

    table = cell_table("backbone", "head", "checked", "result", "path", wide=("path",))
    for check in checks:
        result = Text("wrong", "red") if check.problem else Text("good", "green")
        table.add_row(
            check.backbone, check.head, check.checked, result, str(check.path)
        )
    return table
