"""What may be given as options, by their names in Python; None changes nothing.

Written by scripts/write_option_types.py from the settings in cnnxfer.config.
"""

from __future__ import annotations

from os import PathLike
from typing import Literal, TypedDict


class ResumeKeywords(TypedDict, total=False):
    """The options of `resume`."""

    devices: Literal["one", "all", "cpu"] | None
    wait: float | str | None


class EvaluateKeywords(TypedDict, total=False):
    """The options of `evaluate`."""

    engine: Literal["auto", "openvino", "keras"] | None
    precision: Literal["auto", "float32", "bfloat16", "int8"] | None


class ReportKeywords(EvaluateKeywords, total=False):
    """The options of `report`."""

    part: Literal["validation", "test"] | None
    pdf: bool | None


class CheckKeywords(TypedDict, total=False):
    """The options of `check`."""

    task: (
        Literal[
            "auto",
            "classification",
            "multi-label",
            "localization",
            "detection",
            "segmentation",
        ]
        | None
    )
    split: str | None
    group_by: str | None
    exclude: str | PathLike[str] | None
    ignore: str | None


class PreviewKeywords(TypedDict, total=False):
    """The options of `preview`."""

    task: (
        Literal[
            "auto",
            "classification",
            "multi-label",
            "localization",
            "detection",
            "segmentation",
        ]
        | None
    )
    ignore: str | None
    augment: (
        Literal["none", "textbook", "light", "strong", "cifar", "digits", "boxes"]
        | None
    )
    fit: Literal["crop", "letterbox", "stretch"] | None
    image_size: int | Literal["auto"] | None
    seed: int | None


class ExplainKeywords(EvaluateKeywords, total=False):
    """The options of `explain`."""

    recursive: bool | None
    column: str | None
    allow_private: bool | None
    method: Literal["grad-cam", "score-cam"] | None
    layer: str | None
    top: int | None
    nearest: int | None


class CompareKeywords(TypedDict, total=False):
    """The options of `compare`."""

    weights: str | PathLike[str] | None
    split: str | None
    group_by: str | None
    limit: int | Literal["all"] | None
    exclude: str | PathLike[str] | None
    views: int | None
    engine: Literal["auto", "openvino", "keras"] | None
    seed: int | None
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] | None
    devices: Literal["one", "all", "cpu"] | None


class OpenClassifierKeywords(EvaluateKeywords, total=False):
    """The options of `open_classifier`."""

    top: int | Literal["auto"] | None
    min_confidence: float | Literal["auto"] | None
    max_pixels: int | None
    tta: Literal["none", "flip", "five", "ten", "scales"] | None
    dense: bool | None
    boxes: bool | None
    tiles: int | Literal["none"] | None
    batch: int | Literal["auto"] | None
    frames: Literal["first", "all"] | None


class PredictKeywords(OpenClassifierKeywords, total=False):
    """The options of `predict`."""

    recursive: bool | None
    column: str | None
    allow_private: bool | None
    on: str | None


class ServeKeywords(EvaluateKeywords, total=False):
    """The options of `serve`."""

    top: int | Literal["auto"] | None
    min_confidence: float | Literal["auto"] | None
    max_pixels: int | None
    tta: Literal["none", "flip", "five", "ten", "scales"] | None
    dense: bool | None
    boxes: bool | None
    tiles: int | Literal["none"] | None
    batch: int | Literal["auto"] | None
    port: int | None
    host: str | None
    token: str | None
    allow_private: bool | None
    queue: int | None
    most_images: int | None
    most_megabytes: int | None


class PredictIntoKeywords(PredictKeywords, total=False):
    """The options of `predict_into`."""

    format: (
        Literal[
            "auto",
            "table",
            "json",
            "jsonl",
            "csv",
            "parquet",
            "coco",
            "yolo",
            "voc",
            "labelme",
        ]
        | None
    )
    resume: bool | None
    shard: str | None
    sheet: str | PathLike[str] | None
    copy_to: str | PathLike[str] | None
    drawn: str | PathLike[str] | None
    masks: str | PathLike[str] | None
    heatmap: str | PathLike[str] | None


class UnfreezeKeywords(ResumeKeywords, total=False):
    """The options of `unfreeze`."""

    recipe: Literal["none", "textbook", "fast", "best"] | None
    time_budget: float | str | None
    epochs: int | None
    lr: float | Literal["auto"] | None
    optimizer: Literal["sgd", "adamw", "adam", "lion", "rmsprop"] | None
    weight_decay: float | None
    schedule: (
        Literal["cosine", "constant", "one-cycle", "inverse-time", "step", "plateau"]
        | None
    )
    warmup: float | None
    clip_norm: float | Literal["none"] | None
    label_smoothing: float | None
    patience: int | Literal["none"] | None
    ema: float | Literal["none"] | None
    accumulate: int | None
    last: str | None
    start: str | None
    gradual: int | None
    layer_decay: float | None
    bn: Literal["frozen", "train"] | None
    views: int | None
    keep: Literal["best", "last"] | None
    cache: bool | None
    report: bool | None
    augment: (
        Literal["none", "textbook", "light", "strong", "cifar", "digits", "boxes"]
        | None
    )
    engine: Literal["auto", "openvino", "keras"] | None
    batch: int | Literal["default", "auto"] | None
    checkpoint_every: float | str | None
    seed: int | None
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8"] | None


class TrainKeywords(CompareKeywords, total=False):
    """The options of `train`."""

    backbone: str | None
    task: (
        Literal[
            "auto",
            "classification",
            "multi-label",
            "localization",
            "detection",
            "segmentation",
        ]
        | None
    )
    recipe: Literal["none", "textbook", "fast", "best"] | None
    from_scratch: bool | Literal["auto"] | None
    image_size: int | Literal["auto"] | None
    head: (
        Literal[
            "linear",
            "mlp",
            "euclidean",
            "vote",
            "textbook",
            "pyramid",
            "fine-pyramid",
            "fcn8",
            "fcn16",
            "fcn32",
        ]
        | None
    )
    fit: Literal["crop", "letterbox", "stretch"] | None
    ignore: str | None
    class_weights: str | PathLike[str] | None
    sampling: Literal["natural", "balanced"] | None
    loss: Literal["cross-entropy", "focal"] | None
    monitor: Literal["auto", "accuracy", "macro-f1"] | None
    cache: bool | None
    batch: int | Literal["default", "auto"] | None
    wait: float | str | None
    checkpoint_every: float | str | None
    time_budget: float | str | None
    report: bool | None
    augment: (
        Literal["none", "textbook", "light", "strong", "cifar", "digits", "boxes"]
        | None
    )
    epochs: int | None
    lr: float | Literal["auto"] | None
    optimizer: Literal["sgd", "adamw", "adam", "lion", "rmsprop"] | None
    weight_decay: float | Literal["auto"] | None
    schedule: (
        Literal["cosine", "constant", "one-cycle", "inverse-time", "step", "plateau"]
        | None
    )
    warmup: float | None
    clip_norm: float | Literal["none"] | None
    label_smoothing: float | None
    patience: int | Literal["none", "auto"] | None
    ema: float | Literal["none"] | None
    accumulate: int | None
    init: str | PathLike[str] | None
