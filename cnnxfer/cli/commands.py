"""The commands, in the order of `cnnxfer --help`; each is imported when it is used."""

from __future__ import annotations

from dataclasses import dataclass

TRAIN, USE, LOOK_AFTER = "Train", "Use", "Look after"


@dataclass(frozen=True)
class Entry:
    """A command, or a group of commands.

    Attributes:
        name: what is typed.
        panel: the title above it in `cnnxfer --help`.
        path: what runs it, as `module:attribute`.
        text: what it does, in a line of that help.
    """

    name: str
    panel: str
    path: str
    text: str


COMMANDS = {
    entry.name: entry
    for entry in (
        Entry(
            "check",
            TRAIN,
            "cnnxfer.cli.check:check",
            "Find problems of images and labels",
        ),
        Entry(
            "preview",
            TRAIN,
            "cnnxfer.cli.preview:preview",
            "Draw what the network will see",
        ),
        Entry(
            "compare",
            TRAIN,
            "cnnxfer.cli.compare:compare",
            "Rank backbones on your images",
        ),
        Entry(
            "train",
            TRAIN,
            "cnnxfer.cli.train:train",
            "Learn your classes, boxes or masks",
        ),
        Entry(
            "unfreeze",
            TRAIN,
            "cnnxfer.cli.train:unfreeze",
            "Fine-tune a run: more of its layers learn",
        ),
        Entry(
            "resume",
            TRAIN,
            "cnnxfer.cli.train:resume",
            "Go on with a run where it stopped",
        ),
        Entry(
            "predict",
            USE,
            "cnnxfer.cli.predict:predict",
            "Answer what pictures show",
        ),
        Entry(
            "merge",
            USE,
            "cnnxfer.cli.merge:merge",
            "Put together what several machines answered",
        ),
        Entry(
            "evaluate",
            USE,
            "cnnxfer.cli.evaluate:evaluate",
            "Measure a run on its test images",
        ),
        Entry(
            "explain",
            USE,
            "cnnxfer.cli.explain:explain",
            "Show where a model sees a class",
        ),
        Entry(
            "report",
            USE,
            "cnnxfer.cli.report:report",
            "Write a page about a run, or about two",
        ),
        Entry(
            "export",
            USE,
            "cnnxfer.cli.export:export",
            "Write a model for another runtime",
        ),
        Entry(
            "serve",
            USE,
            "cnnxfer.cli.serve:serve",
            "Answer over HTTP",
        ),
        Entry(
            "runs",
            LOOK_AFTER,
            "cnnxfer.cli.runs:group",
            "List, rank, show and compare runs",
        ),
        Entry(
            "backbones",
            LOOK_AFTER,
            "cnnxfer.cli.backbones:group",
            "List the networks, or show one",
        ),
        Entry(
            "weights",
            LOOK_AFTER,
            "cnnxfer.cli.weights:group",
            "Get and verify ImageNet weights",
        ),
        Entry(
            "cache",
            LOOK_AFTER,
            "cnnxfer.cli.cache:group",
            "Show or clear the cache",
        ),
        Entry(
            "config",
            LOOK_AFTER,
            "cnnxfer.cli.config:group",
            "Write a file of settings, or show what applies",
        ),
        Entry(
            "doctor",
            LOOK_AFTER,
            "cnnxfer.cli.doctor:doctor",
            "Show what this machine has and lacks",
        ),
        Entry(
            "completion",
            LOOK_AFTER,
            "cnnxfer.cli.completion:completion",
            "Have your shell complete what you type",
        ),
    )
}
