"""What a run's model file says of itself: what it expects, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from cnnxfer.errors import RunError
from cnnxfer.runs import PUT_BACK, Run
from cnnxfer.tasks.catalog import task_of
from cnnxfer.unpacking import open_zip
from cnnxfer.version import __version__

# Keras writes its version and the date into this part of the file, and reads neither.
# Given a part of its own, Keras would unpack the whole file to disk when it loads it.
METADATA, KEY = "metadata.json", "cnnxfer"
RESAMPLING = "bicubic with antialiasing"  # how images are made smaller
LIMIT_BYTES = 20_000_000  # of the metadata: the names of many classes
MAX_PARTS = 100  # of a model file, which has three
# What a model is wrong without, and in which file a run has it.
COMPARED = {
    "task": "config.toml",
    "image_size": "config.toml",
    "central_crop": "config.toml",
    "fit": "config.toml",
    "classes": "classes.json",
}


def describe(run: Run) -> dict[str, Any]:
    """Returns what a program needs to know that uses the model of a run, for JSON."""
    config, task = run.config, task_of(run)
    return {
        "version": __version__,
        "backbone": config.backbone,
        "task": task.name,
        "classes": list(run.class_names),  # in the order of the outputs
        # The side of the input in pixels, and that of the square in the middle that it
        # shows, as a fraction of the image's shorter side, where the fit is "crop".
        "image_size": run.image_size,
        "central_crop": config.central_crop,
        "fit": config.fit,
        "resampling": RESAMPLING,
        "channels": "RGB",
        "values": [0, 255],
        "outputs": task.outputs,
        "activation": task.activation,  # of all outputs; of logits to probabilities
    }


def write_description(path: Path, description: Mapping[str, Any]) -> None:
    """Adds a description to a model file that Keras has just saved.

    It becomes `metadata.json["cnnxfer"]` in the file, which is a zip archive.
    """
    with ZipFile(path, "a") as archive:
        old = archive.getinfo(METADATA)
        document = {**json.loads(archive.read(old)), KEY: dict(description)}
        # A second part of the name would be read by some programs and not by others.
        archive.filelist.remove(old)
        del archive.NameToInfo[METADATA]
        archive.writestr(METADATA, json.dumps(document))


def read_description(path: Path) -> dict[str, Any] | None:
    """Returns the description in a model file; None if there is none to be read."""
    try:
        with open_zip(path, MAX_PARTS) as archive, archive.open(METADATA) as part:
            description = json.loads(part.read(LIMIT_BYTES))[KEY]
    except Exception:  # zipfile and json raise many kinds for a damaged file
        return None
    return description if isinstance(description, dict) else None


def check_description(run: Run) -> None:
    """Checks that the model of a run was saved for what the run's other files say.

    A model file without a description passes.

    Raises:
        RunError: if it was saved for something else, so that its answers would be
            wrong; or if another file of the run is missing or damaged.
    """
    saved = read_description(run.model_path)
    if saved is None:
        return
    expected = describe(run)
    for name, file in COMPARED.items():
        one, other = saved.get(name), expected[name]
        if one == other:
            continue
        if isinstance(one, list) and isinstance(other, list):  # of names of classes
            pairs = zip_longest(one, other)
            one, other = next(pair for pair in pairs if pair[0] != pair[1])
        raise RunError(
            f"{run.model_path} was saved with {name} {str(one)[:60]!r}, but {file} "
            f"beside it says {str(other)[:60]!r}. {PUT_BACK}"
        )
