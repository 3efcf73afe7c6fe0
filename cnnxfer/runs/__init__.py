"""Run directories: their files, where they are kept, and which process trains one."""

from cnnxfer.runs.changes import check_removable, remove_runs, rename_run
from cnnxfer.runs.lineage import TreeEntry, in_tree_order, standing_on
from cnnxfer.runs.lock import lock_run, require_idle, status_of
from cnnxfer.runs.names import is_counted
from cnnxfer.runs.run import PUT_BACK, Run, SplitRow
from cnnxfer.runs.runs_dir import (
    AmbiguousName,
    NamesFiles,
    check_new_name,
    check_runs_dir,
    create_run,
    find_run,
    list_runs,
    removed_on_failure,
    resolve_runs_dir,
)
from cnnxfer.spelling import LATEST

__all__ = [
    "LATEST",
    "PUT_BACK",
    "AmbiguousName",
    "NamesFiles",
    "Run",
    "SplitRow",
    "TreeEntry",
    "check_new_name",
    "check_removable",
    "check_runs_dir",
    "create_run",
    "find_run",
    "in_tree_order",
    "is_counted",
    "list_runs",
    "lock_run",
    "remove_runs",
    "removed_on_failure",
    "rename_run",
    "require_idle",
    "resolve_runs_dir",
    "standing_on",
    "status_of",
]
