"""`cnnxfer doctor`: what this machine has and lacks, and what to do about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from cnnxfer.cli.shared_options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.tables import cell_table, detail_table
from cnnxfer.cli.terminal import print_json, stdout
from cnnxfer.files import format_bytes
from cnnxfer.reporting import counted, listed, printable
from cnnxfer.runs import resolve_runs_dir

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from cnnxfer.doctor.folders import Folder
    from cnnxfer.doctor.machine import Machine
    from cnnxfer.hardware.gpus import Gpu

UNKNOWN = "unknown"


def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Make no network connection.")
    ] = False,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show what this machine has and lacks, and what to do about it.

    Examples:
        cnnxfer doctor  # and what to do about it
        cnnxfer doctor --offline  # make no network connection
        cnnxfer doctor --json > machine.json  # for a report of a problem

    Ends with exit code 1 if something required is missing.
    """
    # Slow to import, and not needed for `cnnxfer --help`.
    from rich.console import Group

    from cnnxfer.doctor import advice
    from cnnxfer.doctor.machine import examine

    found = examine(resolve_runs_dir(runs_dir), offline=offline)
    problems = advice.problems(found)
    hints = advice.hints(found)
    if json:
        document = dataclasses.asdict(found)
        print_json(document | {"problems": problems, "hints": hints})
    else:
        stdout().print(
            Group(_machine_table(found), "", _folder_table(found.folders), "")
        )
        stdout().print(_advice(problems, hints))
    if problems:
        raise typer.Exit(1)


def _machine_table(found: Machine) -> Table:
    return detail_table(
        (
            ("cnnxfer", f"{found.cnnxfer}, Python {found.python}, {found.platform}"),
            ("packages", _packages(found)),
            *(("extra", line) for line in _extras(found)),
            ("processor", _processor(found)),
            ("memory", _memory(found)),
            *(("GPU", line) for line in _gpus(found.gpus)),
            ("weights here", _weights(found)),
            ("network", _network(found)),
        )
    )


def _packages(found: Machine) -> str:
    return ", ".join(
        f"{name} {version or 'missing'}" for name, version in found.packages.items()
    )


def _extras(found: Machine) -> Iterable[str]:
    if found.extras is None:
        return [UNKNOWN]
    return [
        f"{extra.name}: {counted(len(extra.missing), 'package')} missing"
        for extra in found.extras
    ]


def _processor(found: Machine) -> str:
    processor = found.processor
    parts = [
        processor.model or "unknown model",
        f"{_number(processor.physical_cores)} cores",
        f"{_number(processor.logical_cores)} threads",
    ]
    if processor.core_limit is not None:
        parts.append(f"limited to the time of {processor.core_limit:g} cores")
    if processor.features is None:
        parts.append("unknown features")
    else:
        parts += processor.features
        faster = (("int8", processor.int8), ("bfloat16", processor.bfloat16))
        fast = [name for name, is_fast in faster if is_fast]
        parts.append(f"fast in {listed([*fast, 'float32'])}")
    return ", ".join(parts)


def _memory(found: Machine) -> str:
    memory = found.memory
    return f"{_bytes(memory.total_bytes)}, {_bytes(memory.available_bytes)} available"


def _gpus(gpus: tuple[Gpu, ...] | None) -> Iterable[str]:
    if gpus is None:
        return [UNKNOWN]
    return [_gpu(gpu) for gpu in gpus] or ["none"]


def _gpu(gpu: Gpu) -> str:
    formats = [
        name
        for name, is_fast in (("bfloat16", gpu.bfloat16), ("float16", gpu.float16))
        if is_fast
    ]
    return ", ".join(
        [
            gpu.name,
            _bytes(gpu.memory_bytes),
            f"driver {gpu.driver}",
            f"compute capability {_number(gpu.compute_capability)}",
            f"fast in {' and '.join([*formats, 'float32'])}",
        ]
    )


def _weights(found: Machine) -> str:
    if found.weights is None:
        return UNKNOWN
    return ", ".join(file.backbone for file in found.weights) or "none"


def _network(found: Machine) -> str:
    if found.network is None:
        return "not asked"
    return f"{found.weights_host} {'answers' if found.network else 'does not answer'}"


def _folder_table(folders: tuple[Folder, ...]) -> Table:
    from rich.text import Text

    columns = ("directory", "size", "free on disk", "state", "path")
    table = cell_table(*columns, wide=("path",), right=("size", "free on disk"))
    for folder in folders:
        table.add_row(
            Text(folder.purpose, "bold"),
            _size(folder),
            _bytes(folder.free_bytes),
            _state(folder),
            str(folder.path),
        )
    return table


def _size(folder: Folder) -> str:
    if folder.size_bytes is None or not folder.exists:
        return ""
    return ("" if folder.size_complete else "over ") + format_bytes(folder.size_bytes)


def _state(folder: Folder) -> str:
    if folder.exists:
        return "ready" if folder.writable else "read-only"
    return "does not exist yet" if folder.writable else "cannot be created"


def _advice(problems: list[str], hints: list[str]) -> Text:
    from rich.text import Text

    if not problems and not hints:
        return Text("Everything needed is here.", style="green")
    lines = [("bold red", "required: ", text) for text in problems]
    lines += [("yellow", "hint: ", text) for text in hints]
    return Text("\n").join(
        Text.assemble((label, style), printable(text)) for style, label, text in lines
    )


def _bytes(size_bytes: int | None) -> str:
    return UNKNOWN if size_bytes is None else format_bytes(size_bytes)


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else str(value)
