"""Point 3: what bfloat16 costs in accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from photographs import shared_dir
from rankers import Ranker
from results import Results, Row

from cnnxfer.machine.processor import find_processor

TOP = 5


def measure_accuracy(results: Results, backbones: Sequence[str]) -> None:
    """Ranks ImageNet's classes for its photographs, in each precision.

    Args:
        results: where the figures go.
        backbones: of the catalog, whose ImageNet weights this machine has.

    Raises:
        SystemExit: if there are no photographs, which only the shared folder has.
    """
    shared = shared_dir()
    if shared is None:
        raise SystemExit("point 3 needs the shared folder; set CNNXFER_SHARED.")
    photographs = shared / "data" / "imagenet100"
    precisions = ["float32"]
    if find_processor().bfloat16:
        precisions.append("bfloat16")
    table: list[Row] = []
    for backbone in backbones:
        with TemporaryDirectory() as folder:
            ranker = Ranker(Path(folder), backbone)
            records = {}
            for precision in precisions:
                ranker.rank(photographs, "--precision", precision, "--top", str(TOP))
                records[precision] = list(ranker.records())
        for precision in precisions:
            row = _row(records[precision], records["float32"])
            table.append({"backbone": backbone, "precision": precision, **row})
            results.add("accuracy", table[-1])
    results.table(
        f"3. {len(list(photographs.iterdir()))} photographs of ImageNet by `cnnxfer "
        "predict`. Agreement: the same best class as in float32.",
        table,
    )


def _row(records: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> Row:
    pairs = list(zip(records, others, strict=True))
    assert all(record["path"] == other["path"] for record, other in pairs)
    return {
        "images": len(records),
        "top1": sum(_classes(record)[0] == _truth(record) for record in records),
        "top5": sum(_truth(record) in _classes(record) for record in records),
        "agreement": sum(_classes(a)[0] == _classes(b)[0] for a, b in pairs)
        / len(pairs),
    }


def _classes(record: dict[str, Any]) -> list[str]:
    return [ranked["class_id"] for ranked in record["predictions"]]


def _truth(record: dict[str, Any]) -> str:
    return Path(record["path"]).name.partition("_")[0]  # n01580077_jay.JPEG
