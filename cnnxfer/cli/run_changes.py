"""`cnnxfer runs rename`, `rm` and `note`: what changes runs, but not their models."""

import shlex
from typing import Annotated

import typer

from cnnxfer.cli import values
from cnnxfer.cli.asking import allowed
from cnnxfer.cli.shared_options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.errors import ConfigError
from cnnxfer.files import format_bytes
from cnnxfer.reporting import counted, listed, printable
from cnnxfer.runs import (
    Run,
    check_removable,
    find_run,
    is_counted,
    remove_runs,
    rename_run,
    require_idle,
    resolve_runs_dir,
)

Changed = Annotated[
    str, typer.Argument(metavar="RUN", help="A run.", autocompletion=values.runs)
]


def rename(
    run: Changed,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Rename a run; runs that were fine-tuned from it know it by its new name.

    Examples:
        cnnxfer runs rename flowers-3 roses
        cnnxfer runs rename latest best
        cnnxfer runs rename @1 before-augmentation
    """
    found = find_run(
        run, resolve_runs_dir(runs_dir), prefixes=False, reporter=TerminalReporter()
    )
    renamed = rename_run(found, name)
    if json:
        print_json({"path": renamed.path})
    else:
        print(printable(str(renamed.path)))


def remove(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="The runs to remove.", autocompletion=values.runs
        ),
    ],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove them without asking.")
    ] = False,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Remove runs with all their files; asks before it does.

    Examples:
        cnnxfer runs rm flowers-3
        cnnxfer runs rm flowers-3 flowers-4
        cnnxfer runs rm flowers-3 --yes  # in a script

    A run that is being trained stays, and so does one from which another run was
    fine-tuned, unless that is removed with it. A run is named by its whole name or its
    path, never as latest. Links are never followed.
    """
    found = list(
        {
            run.path.resolve(): run for run in (_exactly(it, runs_dir) for it in names)
        }.values()
    )
    check_removable(found)
    for run in found:
        require_idle(run)
    files, size_bytes = _contents(found)
    paths = [run.path for run in found]
    size = f"{counted(files, 'file')}, {format_bytes(size_bytes)}"
    if not allowed(f"remove {listed(map(str, paths))} ({size})", yes=yes):
        TerminalReporter().info("nothing was removed")
        return
    remove_runs(found)
    if json:
        print_json({"removed": paths, "files": files, "bytes": size_bytes})
    else:
        stdout().print(f"removed {size}", markup=False)


def note(
    run: Changed,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT",
            help="What to note; '' removes what was noted.",
            show_default="print what was noted",
        ),
    ] = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Note something about a run, or print what was noted.

    Examples:
        cnnxfer runs note flowers-3 "without the blurred ones"
        cnnxfer runs note flowers-3
        cnnxfer runs note flowers-3 ""  # removes the note
    """
    found = find_run(run, resolve_runs_dir(runs_dir))
    if text is not None:
        found.write_note(text)
    if json:
        print_json({"run": found.name, "note": found.note})
    elif text is None and found.note:
        print("\n".join(map(printable, found.note.splitlines())))


def _exactly(name: str, runs_dir: RunsDir) -> Run:
    """Returns a run by its own name: others could mean another run tomorrow."""
    found = find_run(name, resolve_runs_dir(runs_dir), prefixes=False)
    if is_counted(name):
        raise ConfigError(
            f"{name} is {found.path} now, and another run after the next. A run is "
            "removed by its own name. Type: "
            f"cnnxfer runs rm {shlex.quote(str(found.path))}"
        )
    return found


def _contents(runs: list[Run]) -> tuple[int, int]:
    """Returns the number of files of runs and their size; links count as they are."""
    files = [
        path
        for run in runs
        for path in run.path.rglob("*")
        if path.is_symlink() or not path.is_dir()
    ]
    return len(files), sum(path.lstat().st_size for path in files)
