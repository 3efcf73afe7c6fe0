"""Leaves out the images that a list names, as `--exclude` asks."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

from cnnxfer.data.dataset import Dataset
from cnnxfer.data.written_paths import WrittenPaths
from cnnxfer.errors import ConfigError, DataError, reason_of
from cnnxfer.reporting import Reporter, counted, printable
from cnnxfer.spelling import option
from cnnxfer.texts import normal, read_text

COMMENT, QUOTE = "#", '"'


def read_list(path: Path) -> list[str]:
    """Returns the ids and paths that a text file lists, one a line.

    Lines that are blank or begin with # are skipped. A name in double quotes is a JSON
    string, as `format_line` writes it.

    Raises:
        ConfigError: if the file cannot be read.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise ConfigError(
            f"{option('--exclude')} {path} cannot be read: {reason_of(error)}."
        ) from error
    except UnicodeError as error:
        raise ConfigError(
            f"{option('--exclude')} {path} is {error}; expected an image's id or path "
            "a line, as `check` writes it, in UTF-8."
        ) from error
    lines = (line.strip() for line in re.split("\r\n?|\n", text))
    return [_parse(line) for line in lines if line and not line.startswith(COMMENT)]


def exclude_listed(dataset: Dataset, path: Path, reporter: Reporter) -> Dataset:
    """Returns the data set without the images that a file lists; see `read_list`.

    The reporter shows how many are left out, and warns of lines that name no image.

    Raises:
        ConfigError: if the file cannot be read.
    """
    names = {normal(name): name for name in read_list(path)}
    ids = {normal(example.id) for example in dataset.examples}
    # On Windows, a path has backslashes; a name that is not an id may be a path.
    for name in names.keys() - ids:
        if (slashed := name.replace("\\", "/")) in ids:
            names[slashed] = names.pop(name)
    written, found_paths = WrittenPaths(), {}
    for name in names.keys() - ids:
        found_paths[os.path.abspath(_located(written, names[name]))] = name
    known = names.keys() & ids
    kept = []
    for index, example in enumerate(dataset.examples):
        is_file = example.size_bytes is None  # and not a part of one
        found = found_paths.get(os.path.abspath(example.path)) if is_file else None
        if found is not None:
            known.add(found)
        elif normal(example.id) not in names:
            kept.append(index)
    unknown = sorted(names[name] for name in names.keys() - known)
    if unknown:
        reporter.warn(
            f"{counted(len(unknown), 'line')} of {path} "
            f"{'names' if len(unknown) == 1 else 'name'} no image of "
            f"{dataset.title or dataset.name}, such as {printable(unknown[0])}."
        )
    if len(kept) < len(dataset.examples):
        excluded = len(dataset.examples) - len(kept)
        reporter.info(f"left out {counted(excluded, 'image')} that {path} names")
    return replace(
        dataset,
        examples=tuple(dataset.examples[index] for index in kept),
        columns={
            name: tuple(values[index] for index in kept)
            for name, values in dataset.columns.items()
        },
    )


def format_line(name: str) -> str:
    """Returns a line that `read_list` reads as `name`, whatever characters it has."""
    plain = name.isprintable() and name == name.strip()
    if plain and name and not name.startswith((COMMENT, QUOTE)):
        return name
    return json.dumps(name)


def _located(paths: WrittenPaths, name: str) -> str:
    try:
        return paths.find(name)
    except DataError:  # it may mean several files
        return name


def _parse(line: str) -> str:
    if line.startswith(QUOTE):
        try:
            return str(json.loads(line))
        except ValueError:  # a name that begins with a quotation mark
            return line
    return line
