"""The command, also as `python -m cnnxfer`."""

from __future__ import annotations

import io
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Runs the command line and ends the process with its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files may hold what the terminal's encoding cannot say.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # Here, so that Ctrl-C is answered while it is imported, too.
        from cnnxfer.cli.main import run

        code = run()
    except KeyboardInterrupt:
        print("error: interrupted.", file=sys.stderr)
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
