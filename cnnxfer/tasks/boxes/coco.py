"""The figures of the COCO challenge, as `faster-coco-eval` computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnxfer.tasks.boxes.matches import MOST_ANSWERS, Truth


@dataclass(frozen=True)
class CocoFigures:
    """Average precisions and recalls, fractions in [0, 1]; None without such objects.

    An object is small up to an area of 32 x 32 pixels of its box, and large from 96 x
    96 on.

    Attributes:
        ap: the mean of the average precisions at overlaps of 0.50, 0.55 ... 0.95.
        ap50: the average precision at an overlap of 0.5.
        ap75: the same at 0.75.
        ap_small: `ap` of small objects alone.
        ap_medium: `ap` of medium objects alone.
        ap_large: `ap` of large objects alone.
        ar100: the mean over the same overlaps of the share of objects that are found by
            the 100 surest answers to each image.
        class_ap: `ap` of each class, in label order.
        class_ap50: `ap50` of each class.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar100: float | None
    class_ap: tuple[float | None, ...]
    class_ap50: tuple[float | None, ...]


def coco_figures(
    answers: Sequence[np.ndarray], truths: Sequence[Truth], num_classes: int
) -> CocoFigures:
    """Returns the figures of answers; the arguments are those of `matches.match`.

    Source: https://cocodataset.org/#detection-eval.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    # Numbers of images, classes and annotations begin at 1: 0 stands for none.
    truth = COCO(
        {
            "images": [{"id": at + 1} for at in range(len(truths))],
            "categories": [{"id": label + 1} for label in range(num_classes)],
            "annotations": [
                {"id": number, **annotation}
                for number, annotation in enumerate(_annotations(truths), start=1)
            ],
        }
    )
    evaluation = COCOeval_faster(truth, truth.loadRes(_results(answers)), "bbox")
    assert evaluation.params.maxDets[-1] == MOST_ANSWERS
    evaluation.run()
    figures = evaluation.stats_as_dict
    # (limits, recalls, classes) at all sizes, with 100 answers
    precisions = evaluation.eval["precision"][:, :, :, 0, -1]
    return CocoFigures(
        ap=_known(figures["AP_all"]),
        ap50=_known(figures["AP_50"]),
        ap75=_known(figures["AP_75"]),
        ap_small=_known(figures["AP_small"]),
        ap_medium=_known(figures["AP_medium"]),
        ap_large=_known(figures["AP_large"]),
        ar100=_known(figures["AR_third"]),  # of the third limit: 1, 10, 100 answers
        class_ap=tuple(map(_known, precisions.mean(axis=(0, 1)).tolist())),
        class_ap50=tuple(map(_known, precisions[0].mean(axis=0).tolist())),
    )


def _annotations(truths: Sequence[Truth]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": at + 1,
            "category_id": label + 1,
            "bbox": _with_sides(box),
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
            "iscrowd": int(crowd),
        }
        for at, truth in enumerate(truths)
        for box, label, crowd in zip(
            truth.boxes, truth.labels.tolist(), truth.crowds.tolist(), strict=True
        )
    ]


def _results(answers: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": at + 1,
            "category_id": int(row[5]) + 1,
            "bbox": _with_sides(row[:4]),
            "score": float(row[4]),
        }
        for at, rows in enumerate(answers)
        for row in rows.astype(np.float64)
        if row[4] > 0
    ]


def _with_sides(box: np.ndarray) -> list[float]:
    """Returns left edge, top edge, width and height."""
    left, top, right, bottom = box.tolist()
    return [left, top, right - left, bottom - top]


def _known(figure: float) -> float | None:
    """Returns the figure, and None for -1, which stands for no objects."""
    return None if figure < 0 else float(figure)
