"""The command line: starts commands, and prints their errors on one line."""

import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cnnxfer import spelling
from cnnxfer.cli import (
    backbones,
    cache,
    check,
    compare,
    config,
    doctor,
    evaluate,
    explain,
    export,
    predict,
    preview,
    report,
    runs,
    serve,
    terminal,
    train,
    weights,
)
from cnnxfer.cli.shared_options import Quiet, Verbose
from cnnxfer.cli.terminal import print_error
from cnnxfer.errors import CnnxferError, ConfigError, Interrupted, RunError
from cnnxfer.files import REFUSALS, is_encodable
from cnnxfer.version import __version__


class _Commands(TyperGroup):
    """Runs a command; only cnnxfer itself ends one with an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SystemExit as error:
            if isinstance(error.__context__, BrokenPipeError):
                return 1  # Rich ends the process where the reader of stdout has ended
            raise RunError(
                f"a library ended {ctx.command_path} {ctx.invoked_subcommand} with the "
                f"exit code {error.code}, before it was done. Add -v to see which."
            ) from error


app = typer.Typer(
    name="cnnxfer",
    cls=_Commands,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    train.train,
    train.unfreeze,
    train.resume,
    predict.predict,
    evaluate.evaluate,
    explain.explain,
    report.report,
    export.export,
    serve.serve,
    compare.compare,
    check.check,
    preview.preview,
    doctor.doctor,
):
    app.command()(command)
for name, group in {
    "runs": runs.group,
    "backbones": backbones.group,
    "weights": weights.group,
    "cache": cache.group,
    "config": config.group,
}.items():
    app.add_typer(group, name=name)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Turn a pretrained backbone into a model for your own photographs."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command, prints its errors on stderr and returns its exit code.

    Args:
        arguments: the words after `cnnxfer`; by default those of this process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    terminal.volume = terminal.Volume()
    try:
        _check_working_directory()
        with spelling.command_line():
            code = app(arguments, prog_name="cnnxfer", standalone_mode=False)
        print(end="", flush=True)
    except CnnxferError as error:
        print_error(str(error))
        return error.exit_code
    except typer.TyperException as error:
        print_error(_usage_message(error))
        return error.exit_code
    except BrokenPipeError:
        # The reader of the output has ended (`| head`). Python would fail again
        # when it flushes stdout at exit, unless stdout is redirected.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        print_error(_refusal_message(error, error.errno))
        return 1
    except UnicodeEncodeError as error:
        encoding = sys.getfilesystemencoding()
        if encoding == "utf-8" or is_encodable(error.object, encoding):
            raise
        print_error(
            f"no file can be called {error.object!r} where names of files are in "
            f"{encoding}. Set LC_ALL=C.UTF-8."
        )
        return 1
    if code == Interrupted.exit_code:  # Typer returns it on Ctrl-C
        print_error("interrupted.")
    return code if isinstance(code, int) else 0


def _refusal_message(error: OSError, number: int) -> str:
    is_permission = number in (errno.EACCES, errno.EPERM)  # of a file to read, perhaps
    advice = "Change its permissions" if is_permission else REFUSALS[number]
    name = error.filename or "the output"
    return f"{name}: {os.strerror(number).lower()}. {advice}, and start again."


def _check_working_directory() -> None:
    """Raises a ConfigError if it was removed: no path could be made absolute."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise ConfigError(
            "the working directory no longer exists. Go to another one: cd"
        ) from error


def _usage_message(error: typer.TyperException) -> str:
    suggestions = getattr(error, "possibilities", None)
    message = error.message if suggestions else error.format_message()
    if suggestions:
        return f"{message}. Did you mean {suggestions[0]}?"
    context = getattr(error, "ctx", None)
    if context and "Did you mean" not in message:
        return f"{message.rstrip('.')}. See: {context.command_path} --help"
    return message
