"""Writes cnnxfer/api/options.py, the types of options, from what declares them.

python scripts/write_option_types.py
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cnnxfer.config.options import FUNCTIONS, options_of
from cnnxfer.config.setting import Setting

PATH = Path(__file__).parents[1] / "cnnxfer" / "api" / "options.py"
HEAD = '''
"""What may be given as options, by their names in Python; None changes nothing.

Written by scripts/write_option_types.py from the settings in cnnxfer.config.
"""

from __future__ import annotations

from os import PathLike
from typing import Literal, TypedDict
'''


def main() -> None:
    """Writes the file."""
    PATH.write_text("\n".join(lines()), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", PATH], check=True)


def lines() -> Iterator[str]:
    """Yields the lines of the file, some of which are too long."""
    yield HEAD.lstrip()
    written: dict[str, dict[str, str]] = {"TypedDict": {}}
    for function in sorted(FUNCTIONS, key=lambda name: len(options_of(name))):
        types = {
            name: type_of(option.setting)
            for name, option in options_of(function).items()
            if name != "data"  # a parameter of its own
        }
        # The largest of those that have nothing else.
        base = [name for name in written if written[name].items() <= types.items()][-1]
        yield f"\nclass {class_of(function)}({base}, total=False):"
        yield f'    """The options of `{function}`."""\n'
        for name in types:
            if name not in written[base]:
                yield f"    {name}: {types[name]} | None"
        yield ""
        written[class_of(function)] = types


def class_of(function: str) -> str:
    """Returns the name of the class for the options of a function."""
    return f"{function.title().replace('_', '')}Keywords"


def type_of(setting: Setting) -> str:
    """Returns what a setting may be in Python, as an annotation."""
    parts = [setting.kind.__name__] if setting.kind else []
    if setting.is_path:
        parts.append("PathLike[str]")
    if setting.is_time:
        parts.append("str")
    if setting.words and "str" not in parts:
        parts.append(f"Literal[{', '.join(map(repr, setting.words))}]")
    return " | ".join(parts)


if __name__ == "__main__":
    main()
