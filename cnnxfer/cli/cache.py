"""`cnnxfer cache`: shows and deletes what is cached."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnxfer.cache import cache_dir
from cnnxfer.cli.asking import allowed, can_ask
from cnnxfer.cli.command import Commands
from cnnxfer.cli.shared_options import Json, Quiet, Verbose
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.files import format_bytes

if TYPE_CHECKING:
    from rich.table import Table

    from cnnxfer.training.activations.store import ActivationStore, Entry

TITLES = {
    "activations": "activations",
    "engines": "converted networks",
    "answers": "answers to images",
    "index": "index of images",
    "masks": "index of masks",
    "outputs": "finished outputs",
    "copies": "copies of data sets",
}

group = Commands()


@dataclass(frozen=True)
class _CachedActivations:
    """The cached activations of one view; if they are damaged, most values are None."""

    backbone: str | None
    cut: str | None
    image_size: int | None
    views: dict[str, Any] | None
    engine: str | None
    precision: str | None
    data: str | None
    images: int
    computed: int
    size_bytes: int
    last_used: str
    path: Path


@group.callback(invoke_without_command=True)
def cache(
    context: typer.Context,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show or clear the cache. Without a command, show it.

    Examples:
        cnnxfer cache  # what is in it, and where it is
        cnnxfer cache clear
        cnnxfer cache show --json

    The cache is in $CNNXFER_CACHE, or in the user's cache directory. Activations,
    which are most of it, take at most $CNNXFER_CACHE_LIMIT (such as 50GB): by
    default 20 GB, or half of the free disk space if that is less.
    """
    if context.invoked_subcommand is None:
        show(json)


@group.command()
def show(json: Json = False, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Show the cached activations, and the size of everything else in the cache.

    Examples:
        cnnxfer cache show
        cnnxfer cache show --json
        CNNXFER_CACHE=/mnt/cache cnnxfer cache show  # another place
    """
    store = _store()
    cached = [_cached_activations(entry) for entry in store.entries()]
    sizes = {"activations": sum(item.size_bytes for item in cached)}
    sizes |= {name: _size(paths) for name, paths in _others().items()}
    if json:
        print_json(
            {
                "path": cache_dir(),
                "limit_bytes": store.limit_bytes,
                **{f"{name}_bytes": size for name, size in sizes.items()},
                "activations": cached,
            }
        )
        return
    if cached:
        stdout().print(_activations_table(cached), "")
    stdout().print(_totals(sizes, store.limit_bytes))


@group.command()
def clear(
    copies: Annotated[
        bool,
        typer.Option(
            "--copies",
            help="Delete copies of data sets, too; runs that train on them fail.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be freed.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Delete without asking.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Delete the cache: activations, converted networks, answers, and facts of files.

    Examples:
        cnnxfer cache clear --dry-run  # what would be freed
        cnnxfer cache clear
        cnnxfer cache clear --copies --yes

    On a terminal it tells what it would free, and asks. Activations that a running
    command is computing stay. Copies of data sets (of archives, buckets and prepared
    data sets) stay, too, unless --copies is given.
    """
    store = _store()
    others = {
        name: paths if copies or name != "copies" else []
        for name, paths in _others().items()
    }
    sizes = {"activations": sum(entry.size_bytes for entry in store.entries())}
    sizes |= {name: _size(paths) for name, paths in others.items()}
    if dry_run:
        _print_freed("would free", "would_free_bytes", sizes, json)
        return
    asks = can_ask() and any(sizes.values())  # what is in the cache can be made again
    if not allowed(f"free {_freed(sizes)}", yes=yes or not asks):
        TerminalReporter().info("nothing was deleted")
        return
    freed = {"activations": store.clear()}
    freed |= {name: _delete(paths) for name, paths in others.items()}
    _print_freed("freed", "freed_bytes", freed, json)
    if left := len(store.entries()):
        TerminalReporter().info(
            f"{left} of the activations stay: a running command is computing them, or "
            "other files are among them."
        )


def _print_freed(verb: str, key: str, sizes: dict[str, int], json: bool) -> None:
    if json:
        parts = {f"{name}_bytes": size for name, size in sizes.items()}
        print_json({"path": cache_dir(), **parts, key: sum(sizes.values())})
    else:
        stdout().print(f"{verb} {_freed(sizes)}", markup=False, soft_wrap=True)


def _freed(sizes: dict[str, int]) -> str:
    """Returns how much is freed, and of what."""
    parts = [
        f"{TITLES[name]} {format_bytes(size)}" for name, size in sizes.items() if size
    ]
    of_what = f": {', '.join(parts)}" if parts else ""
    return f"{format_bytes(sum(sizes.values()))} in {cache_dir()}{of_what}"


def _store() -> ActivationStore:
    # It imports NumPy, which `cnnxfer --help` does not need.
    from cnnxfer.training.activations.store import ActivationStore

    return ActivationStore()


def _others() -> dict[str, list[Path]]:
    """Returns the files and directories in the cache beside the activations, by kind.

    Converted networks, answers to images, what is known of images and masks, how
    finished outputs of `predict` were made, and copied data sets with the records of
    them.
    """
    # It imports Pillow, which `cnnxfer --help` does not need.
    from cnnxfer.data.sources.packed import copies_dir

    return {
        "engines": _named("engines", "[0-9a-f]{64}"),
        "answers": _named("answers", "[0-9a-f]{64}"),
        "index": _named("index", r"[0-9a-f]{16}\.jsonl?"),
        "masks": _named("masks", r"[0-9a-f]{16}\.jsonl?"),
        "outputs": _named("outputs", r"[0-9a-f]{64}\.json"),
        "copies": list(copies_dir().glob("*/*")),
    }


def _named(kind: str, pattern: str) -> list[Path]:
    paths = (cache_dir() / kind).glob("*")
    return [path for path in paths if re.fullmatch(pattern, path.name)]


def _size(paths: Sequence[Path]) -> int:
    files = [file for path in paths for file in (path, *path.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file())


def _delete(paths: Sequence[Path]) -> int:
    """Deletes files and directories; returns how many bytes that freed."""
    size_bytes = _size(paths)
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return size_bytes - _size([path for path in paths if path.exists()])


def _cached_activations(entry: Entry) -> _CachedActivations:
    manifest = entry.manifest
    key = manifest.key if manifest else {}
    about = manifest.about if manifest else {}
    return _CachedActivations(
        backbone=about.get("backbone"),
        cut=about.get("cut"),
        image_size=about.get("image_size"),
        views=key.get("views"),
        engine=key.get("engine"),
        precision=key.get("precision"),
        data=about.get("data"),
        images=manifest.count if manifest else 0,
        computed=manifest.rows if manifest else 0,
        size_bytes=entry.size_bytes,
        last_used=datetime.fromtimestamp(entry.last_used).isoformat(" ", "minutes"),
        path=entry.path,
    )


def _activations_table(cached: Sequence[_CachedActivations]) -> Table:
    """Returns a table with one row for all views that differ in their number only."""
    wide = ("backbone", "cut", "views", "images", "precision")
    columns = (*wide, "size", "last used", "data")
    table = cell_table(*columns, wide=(*wide, "data"), right=("size",))
    for cells, group in groupby(sorted(cached, key=_cells), key=_cells):
        views = list(group)
        backbone, cut, described, images, precision, data = cells
        number = f"{len(views)} x " if len(views) > 1 else ""
        row = (
            backbone,
            cut,
            number + described,
            images,
            precision,
            format_bytes(sum(view.size_bytes for view in views)),
            max(view.last_used for view in views),
            data,
        )
        table.add_row(*row)
    return table


def _cells(cached: _CachedActivations) -> tuple[str, ...]:
    if cached.backbone is None or cached.views is None:
        return ("damaged", "", "", "", "", str(cached.path))
    images = f"{cached.images:,}"
    if cached.computed < cached.images:
        images = f"{cached.computed:,} of {images}"
    return (
        f"{cached.backbone} at {cached.image_size}",
        str(cached.cut),
        _describe(cached.views),
        images,
        f"{cached.engine} {cached.precision}",
        str(cached.data),
    )


def _describe(views: dict[str, Any]) -> str:
    """Returns the result of `Views.describe` as `random, crop 0.9, flip, seed 0`."""
    words = [str(views["views"])]
    for name, value in {**views, **views.get("augmentation", {})}.items():
        if value is True:
            words.append(name)
        elif name not in ("views", "number", "augmentation") and value is not False:
            words.append(f"{name} {value}")
    return ", ".join(words)


def _totals(sizes: dict[str, int], limit_bytes: int) -> Table:
    from cnnxfer.cli.plain_table import PlainTable

    table: Table = PlainTable.grid(padding=(0, 2))
    shown = {name: format_bytes(size) for name, size in sizes.items()}
    most = format_bytes(limit_bytes)
    shown["activations"] += f" of at most {most}"
    for name, title in TITLES.items():
        table.add_row(title, shown[name])
    table.add_row("in", str(cache_dir()))
    return table
