"""Damages a file in every way that Hypothesis finds: its bytes, and what they hold."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from cnnxfer.files import write_json_with_hash

Draw = Callable[..., Any]

VALUES = [
    *(None, True, -1, 0, 3, 10**30, 1.5, float("nan"), float("inf"), ""),
    *(
        "evil",
        "../..",
        "\0",
        "\ud800",
        "9" * 5000,
        [],
        [[2]],
        {},
        {"": {}},
        "x" * 70_000,
    ),
]
CELLS = ["", "x", "-1", "nan", "9" * 5000, 'a"b', "\0", "q" * 200_000, "1,2,3"]
SETTINGS = [
    *(
        "seed = 0x",
        "seed = " + "9" * 5000,
        "seed = nan",
        "evil = 1",
        "a = " + "[" * 50_000,
    ),
    *(
        "backbone = 'evil'",
        "backbone = 'xception'",
        "task = 'multi-label'",
        "data = ''",
    ),
    *("image_size = 7", "image_size = -1", "head = 'mlp'", "precision = 'float16'"),
    *("data = '/'", "weights = '/dev/zero'", "class_weights = '/dev/zero'", "[seed]"),
    *("frozen = 1", "views = 65", "batch_size = true", "monitor = 'x'", "[[frozen]]"),
]


def empty(path: Path, draw: Draw) -> None:
    path.write_bytes(b"")


def missing(path: Path, draw: Draw) -> None:
    path.unlink()


def truncated(path: Path, draw: Draw) -> None:
    os.truncate(path, draw(st.integers(0, path.stat().st_size - 1)))


def flipped(path: Path, draw: Draw) -> None:
    content = bytearray(path.read_bytes())
    content[draw(st.integers(0, len(content) - 1))] ^= draw(st.integers(1, 255))
    path.write_bytes(content)


def random_bytes(path: Path, draw: Draw) -> None:
    path.write_bytes(draw(st.binary(max_size=60)))


def folder(path: Path, draw: Draw) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path, draw: Draw) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path, draw: Draw) -> None:
    path.unlink()
    path.symlink_to(draw(st.sampled_from([path.name, "gone", ".", "/dev/zero"])))


def nested(path: Path, draw: Draw) -> None:
    bracket = draw(st.sampled_from(["[", '{"a":', "[["]))
    path.write_text(bracket * draw(st.sampled_from([3, 900, 99_999])))


def changed(path: Path, draw: Draw) -> None:
    """Changes what the file holds, and leaves its form and hashes as they belong."""
    CHANGES[path.suffix](path, draw)


def _change_json(path: Path, draw: Draw) -> None:
    first, _, rest = path.read_text().partition("\n")
    if rest.startswith("{") and len(first) == 64:
        write_json_with_hash(path, _changed_part(json.loads(rest), draw))
    else:
        path.write_text(json.dumps(_changed_part(json.loads(path.read_text()), draw)))


def _changed_part(document: Any, draw: Draw) -> Any:
    """Returns a document of which one part is another value, is gone or is new."""
    inside = document and isinstance(document, dict | list)
    if not inside or draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(VALUES))
    is_table = isinstance(document, dict)
    key = draw(st.sampled_from(sorted(document) if is_table else range(len(document))))
    action = draw(st.sampled_from(["change", "change", "change", "drop", "add"]))
    if action == "change":
        document[key] = _changed_part(document[key], draw)
    elif action == "drop":
        del document[key]
    elif is_table:
        document["evil"] = document[key]
    else:
        document.append(document[key])
    return document


def _change_csv(path: Path, draw: Draw) -> None:
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    row = draw(st.sampled_from(rows))
    action = draw(st.sampled_from(["cell", "cell", "short", "long", "twice"]))
    if action == "cell":
        row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(CELLS))
    elif action == "short":
        row.pop()
    elif action == "long":
        row.append(draw(st.sampled_from(CELLS)))
    else:
        rows.append(row)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue(), newline="")


def _change_toml(path: Path, draw: Draw) -> None:
    lines = path.read_text().splitlines()
    number = draw(st.integers(0, len(lines) - 1))
    new = draw(st.sampled_from(SETTINGS))
    name = lines[number].partition(" = ")[0]
    if draw(st.booleans()) and name and not name.startswith("["):
        new = f"{name} = {new.partition(' = ')[2] or 7}"
    same = new.partition(" = ")[0]
    kept = [line for line in lines if line.partition(" = ")[0] != same]
    kept.insert(min(number, len(kept)) if draw(st.booleans()) else 0, new)
    path.write_text("\n".join(kept))


def _change_array(path: Path, draw: Draw) -> None:
    """Puts another array in the place of one."""
    shape = draw(st.sampled_from([(), (3,), (2, 5), (40, 3)]))
    np.save(path, np.full(shape, 7, draw(st.sampled_from(["f4", "i1", "U3"]))))


def _change_archive(path: Path, draw: Draw) -> None:
    """Changes a part of an archive, of which the rest is as it was."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = draw(st.sampled_from(sorted(parts)))
    action = draw(st.sampled_from(["change", "change", "drop", "cut"]))
    if action == "drop":
        del parts[name]
    elif action == "cut":
        parts[name] = parts[name][: draw(st.integers(0, len(parts[name]) - 1))]
    elif name.endswith(".json"):
        parts[name] = json.dumps(_changed_part(json.loads(parts[name]), draw)).encode()
    else:
        parts[name] = draw(st.binary(max_size=60))
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


CHANGES: dict[str, Callable[[Path, Draw], None]] = {
    ".json": _change_json,
    ".csv": _change_csv,
    ".toml": _change_toml,
    ".keras": _change_archive,
    ".npy": _change_array,
    ".npz": _change_archive,
    ".txt": flipped,  # a log has no form
}
KINDS = (
    *(empty, missing, truncated, flipped, random_bytes, folder, pipe, link, nested),
    *[changed] * 9,  # the one that has the most forms
)
