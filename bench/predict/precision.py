"""What bfloat16 costs in accuracy.

`cnnxfer predict` names the ImageNet classes of 100 ImageNet photographs, which only the
shared folder has, in float32 and, where the processor has units for it, in bfloat16.
Half a minute a backbone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.lib.options import add_backbones
from bench.lib.results import Cell, Table
from bench.lib.shared import shared_dir
from bench.predict.commands import PredictCommand
from cnnxfer.hardware.processor import find_processor

TOP = 5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "efficientnet-lite0")


def measure(options: argparse.Namespace) -> Table:
    """Measures each backbone in each precision.

    Raises:
        SystemExit: if there are no photographs.
    """
    shared = shared_dir()
    if shared is None:
        raise SystemExit("this needs the shared folder; set CNNXFER_SHARED.")
    photographs = shared / "data" / "imagenet100"
    precisions = ["float32"]
    if find_processor().bfloat16:
        precisions.append("bfloat16")
    rows: list[list[Cell]] = []
    for backbone in options.backbones:
        with TemporaryDirectory() as folder:
            command = PredictCommand(Path(folder), backbone)
            best: dict[str, list[str]] = {}
            for precision in precisions:
                command.run(photographs, "--precision", precision, "--top", str(TOP))
                records = list(command.records())
                best[precision] = [_classes(record)[0] for record in records]
                top1 = sum(_classes(record)[0] == _truth(record) for record in records)
                top5 = sum(_truth(record) in _classes(record) for record in records)
                pairs = zip(best[precision], best["float32"], strict=True)
                same = sum(one == other for one, other in pairs)
                rows.append([backbone, precision, len(records), top1, top5, same])
    return Table(
        "ImageNet classes in float32 and bfloat16",
        (
            "backbone",
            "precision",
            "photographs",
            "top-1",
            "top-5",
            "same class as in float32",
        ),
        rows,
        notes=["The photographs show 100 classes, one each."],
    )


def _classes(record: dict[str, Any]) -> list[str]:
    return [answer["class_id"] for answer in record["predictions"]]


def _truth(record: dict[str, Any]) -> str:
    return Path(record["path"]).name.partition("_")[0]  # n01580077_jay.JPEG
