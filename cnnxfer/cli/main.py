"""The command line: starts commands, and prints their errors on one line."""

import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cnnxfer import spelling
from cnnxfer.cli import terminal
from cnnxfer.cli.command import Commands, Root
from cnnxfer.cli.shared_options import Quiet, Verbose
from cnnxfer.cli.terminal import print_error
from cnnxfer.errors import CnnxferError, ConfigError, Interrupted
from cnnxfer.files import REFUSALS, is_encodable
from cnnxfer.version import __version__

app = Commands(
    cls=Root,
    name="cnnxfer",
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
            "-V",
            help="Print the version and exit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Turn a pretrained backbone into a model for your own photographs.

    Examples:
        cnnxfer train photos/  # learn the classes of its subfolders
        cnnxfer evaluate  # measure the latest run on images it never saw
        cnnxfer predict new.jpg  # ask it what a picture shows
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command, prints its errors on stderr and returns its exit code.

    Args:
        arguments: the words after `cnnxfer`; by default those of this process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] in ([], ["help"]):
        arguments = [*arguments[1:], "--help"]
    terminal.volume = terminal.Volume()
    try:
        _check_working_directory()
        with spelling.command_line():
            code = app(arguments, prog_name="cnnxfer", standalone_mode=False)
        print(end="", flush=True)
    except CnnxferError as error:
        print_error(str(error))
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
