import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cnnxfer
from cnnxfer.spelling import command, command_line, option, spelled


@pytest.mark.parametrize(
    ("name", "value", "typed", "called"),
    [
        ("--lr", None, "--lr", "lr"),
        ("--image-size", 160, "--image-size 160", "image_size=160"),
        ("--split", "slices", "--split slices", "split='slices'"),
        ("--sheet", Path("a.html"), "--sheet a.html", "sheet='a.html'"),
        ("--from", None, "--from", "start"),
        ("--no-cache", None, "--no-cache", "cache"),
        ("--cache", False, "--no-cache", "cache=False"),
        ("--dense", True, "--dense", "dense=True"),
        ("--all", None, "--all", "last='100%'"),
    ],
)
def test_options_are_called_as_the_user_calls_them(
    name: str, value: object, typed: str, called: str
) -> None:
    text = "{%s}" % (name if value in (None, True, False) else f"{name} {value}")
    assert option(name, value) == called
    with command_line():
        assert option(name, value) == typed
        if type(value) is not bool:
            assert spelled(f"Use {text}.") == f"Use {typed}."


def test_commands_are_calls_in_python() -> None:
    assert command("resume", "a b", epochs="+5") == (
        "cnnxfer.resume('a b', epochs='+5')"
    )
    with command_line():
        assert command("resume", "a b", epochs="+5") == (
            "cnnxfer resume 'a b' --epochs +5"
        )
        assert command("unfreeze") == "cnnxfer unfreeze"


PACKAGE = Path(cnnxfer.__file__).parent
# What is typed elsewhere: commands of other programs, and declarations of options.
OTHERS = {"cli", "config", "hardware", "other_tools.py", "spelling.py"}


def unspelled(tree: ast.AST) -> Iterator[str]:
    """Yields texts with an option that `option` has not spelled; not docstrings."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "option":
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.search(r"(?<![{\w])--[a-z]", node.value):
                yield node.value
        else:
            yield from unspelled(node)


def test_no_message_names_an_option_that_is_not_spelled() -> None:
    found = [
        text
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in OTHERS
        for text in unspelled(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert sorted(found) == [
        " --layers",  # of cnnxfer backbones show, which is no function
        "--disable-gpu",  # of a browser, as what follows here and below
        "--headless",
        "--images",  # with its value, behind `option`
        "--no-first-run",
        "--no-pdf-header-footer",
        "--no-sandbox",
        "--print-to-pdf=",
        "--quiet",  # of the command line, before it is read
        "--user-data-dir=",
        "--views",
        "All layers are listed by: cnnxfer backbones show NAME --layers",
        "pip install --force-reinstall --no-deps ",
    ]
