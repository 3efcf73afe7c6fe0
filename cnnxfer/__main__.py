"""The entry point of the command `cnnxfer`, and of `python -m cnnxfer`."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import NoReturn

from cnnxfer.first_line import erase_first_line, show_first_line
from cnnxfer.streams import open_closed_streams


def main() -> NoReturn:
    """Runs the command line and ends the process with its exit code."""
    open_closed_streams()  # before anything opens a file
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names may contain characters that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if "_CNNXFER_COMPLETE" in os.environ:  # a shell asks, see cli.completion
            from cnnxfer.cli.completion import main as complete

            complete(sys.argv[1:])
            sys.exit(0)
        show_first_line(sys.argv[1:])
        # Imported here, so that Ctrl-C during the import is handled, too.
        from cnnxfer.cli.main import run

        code = run()
        erase_first_line()  # of a command that writes nothing
    except KeyboardInterrupt:
        print("error: interrupted.", file=sys.stderr)
        code = 130
    # At the end, Python would go through all objects of TensorFlow, for a second.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
