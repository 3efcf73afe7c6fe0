"""Run directories: what is in them, where they are, who writes to them."""

from cnnxfer.runs.lineage import Relative, in_families
from cnnxfer.runs.lock import lock_run, require_idle, status_of
from cnnxfer.runs.run import Run, SplitRow
from cnnxfer.runs.runs_dir import (
    LATEST,
    check_place,
    create_run,
    find_run,
    list_runs,
    resolve_runs_dir,
)

__all__ = [
    "LATEST",
    "Relative",
    "Run",
    "SplitRow",
    "check_place",
    "create_run",
    "find_run",
    "in_families",
    "list_runs",
    "lock_run",
    "require_idle",
    "resolve_runs_dir",
    "status_of",
]
