"""What `cnnxfer runs show` shows of a run: a page of what matters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cnnxfer.cli.tables import detail_table
from cnnxfer.cli.terminal import stdout
from cnnxfer.evaluation.report.facts import results_of, split_sizes
from cnnxfer.files import format_bytes
from cnnxfer.reporting import counted
from cnnxfer.runs import Run, standing_on
from cnnxfer.runs.summary import (
    changed_settings,
    phase_rows,
    summary_of,
    with_ancestors,
)

MOST_CLASSES = 20
SMALL_BYTES = 100_000


def print_run(run: Run) -> None:
    """Prints what matters about a run."""
    stdout().print(
        detail_table((name, value) for name, value in _details(run) if value)
    )


def _details(run: Run) -> Iterator[tuple[str, str]]:
    summary, config = summary_of(run), run.config
    yield "run", f"{run.name} ({summary['status']})"
    yield "note", "; ".join(run.note.splitlines())
    for result in results_of(run):
        before = f", before {result.before}" if result.before else ""
        yield result.split, f"{result.value}{before}"
    yield "classes", _classes(run.class_names)
    sizes = split_sizes(run)
    parts = ", ".join(f"{size:,} {split}" for split, size in sizes.items() if size)
    yield "data", f"{config.data}: {counted(sum(sizes.values()), 'image')} ({parts})"
    yield "task", config.task
    yield "backbone", f"{config.backbone} at {config.image_size}, head {config.head}"
    yield "begun", _begun(run)
    columns, *phases = phase_rows(run)
    for phase in phases:
        facts = dict(zip(columns, phase, strict=True))
        yield facts["phase"].replace("_", "-"), _trained(facts)
    yield "settings", ", ".join(_settings(run))
    yield "lineage", _lineage(run)
    yield "files", _files(run)


def _classes(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MOST_CLASSES])
    more = len(names) - MOST_CLASSES
    return f"{len(names):,}: {shown}" + f" and {more:,} more" * (more > 0)


def _begun(run: Run) -> str:
    try:
        started = datetime.fromisoformat(run.receipt["started"])
    except (KeyError, TypeError, ValueError):
        return ""
    return started.isoformat(" ", "minutes")[:16]


def _trained(phase: dict[str, str]) -> str:
    """Returns in words how a phase was trained, and what came of it."""
    epochs = f"{phase['epochs']} epochs"
    if phase["best"]:
        epochs += f", the best {phase['best']}"
    how = f"{phase['optimizer']} at {phase['rate']}, {phase['schedule']}"
    validation = phase["validation"] and f"validation {phase['validation']}"
    parts = filter(None, (epochs, how, validation, phase["time"]))
    return f"{phase['run']}: {'; '.join(parts)}"


def _settings(run: Run) -> Iterator[str]:
    """Yields the settings that are not the defaults, with these."""
    if run.config.recipe != "none":
        yield f"recipe {run.config.recipe}"
    for name, (value, default) in changed_settings(run).items():
        yield f"{name} {value} (default {default})"


def _lineage(run: Run) -> str:
    names = [each.name for each in with_ancestors(run)]
    first = with_ancestors(run)[0].receipt.get("parent")
    names = [f"{first} (gone)", *names] if first else names
    below = ", ".join(other.name for other in standing_on(run))
    line = " -> ".join(names) if len(names) > 1 else ""
    if not below:
        return line
    return f"{line or run.name} -> {below}"


def _files(run: Run) -> str:
    """Returns the place of a run and what in it is large; the rest is counted."""
    sizes = {
        path.name + "/" * path.is_dir(): _size_bytes(path)
        for path in run.path.iterdir()
        if not path.name.startswith(".")
    }
    large = [name for name in sorted(sizes) if sizes[name] >= SMALL_BYTES]
    parts = [f"{name} {format_bytes(sizes[name])}" for name in large]
    if small := len(sizes) - len(large):
        parts.append(counted(small, "small one"))
    return f"{run.path}: {', '.join(parts)}"


def _size_bytes(path: Path) -> int:
    paths = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(each.lstat().st_size for each in paths if not each.is_dir())
