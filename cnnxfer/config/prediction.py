"""The options of a prediction; configuration files do not have them."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from cnnxfer.config.setting import setting
from cnnxfer.limits import MAX_PIXELS

_input = partial(setting, group="Input")
_views = partial(setting, group="Views of each image")
_engine = partial(setting, group="Engine")
_output = partial(setting, group="Output")
_NOT_WRITTEN = {"none": "nothing is written"}


@dataclass(frozen=True)
class EvaluateOptions:
    """What runs a network."""

    engine: Literal["auto", "openvino", "keras"] = _engine(
        "auto",
        "What runs the network.",
        "--engine",
        meanings={"auto": "the fastest that agrees with Keras"},
    )
    precision: Literal["auto", "float32", "bfloat16", "int8"] = _engine(
        "auto",
        "The number format of the arithmetic. int8, on processors with VNNI or AMX, is "
        "calibrated on pictures: those that the run was trained on, or those given.",
        "--precision",
        meanings={"auto": "the fastest that agrees with float32"},
    )


@dataclass(frozen=True)
class ReportOptions(EvaluateOptions):
    """What a report shows, and in which form."""

    part: Literal["validation", "test"] = setting(
        "validation",
        "Whose answers are shown. Those to test images can be once `evaluate` has "
        "measured them.",
        "--part",
    )
    pdf: bool = _output(
        False, "Print it as PDF, too, with a browser that is installed.", "--pdf"
    )


@dataclass(frozen=True)
class AnswerOptions(EvaluateOptions):
    """How a model looks at an image and answers."""

    top: int | Literal["auto"] = setting(
        "auto",
        "How many classes to list for each image.",
        "--top",
        meanings={"auto": "5, or all if there are fewer"},
        at_least=1,
    )
    min_confidence: float | Literal["auto"] = setting(
        "auto",
        "The probability that an answer needs. Without one "
        "that reaches it, the answer is `unsure`. If images may have several labels, "
        "each must also reach its own threshold. For objects it is the least score; "
        "auto is what the run has fitted, or 0.3.",
        "--min-confidence",
        short="--threshold",
        meanings={"auto": "the model's own"},
        above=0,
        at_most=1,
    )
    max_pixels: int = _input(
        MAX_PIXELS,
        "Do not decode images with more pixels than this.",
        "--max-pixels",
        at_least=1,
    )
    tta: Literal["none", "flip", "five", "ten", "scales"] = _views(
        "none",
        "Look at several views of each image. Probabilities are averaged, objects are "
        "put together.",
        "--tta",
        meanings={"none": "one view"},
    )
    dense: bool = _views(
        False, "Look at the whole image, not at its central square.", "--dense"
    )
    boxes: bool = _views(
        False,
        "Find objects of its classes with a classifier (with --dense).",
        "--boxes",
    )
    tiles: int | Literal["none"] = _views(
        "none",
        "Look for objects in tiles of this side in pixels, too, for small objects in "
        "large images.",
        "--tiles",
        meanings={"none": "the whole image only"},
        at_least=32,
    )
    batch: int | Literal["auto"] = _engine(
        "auto",
        "Images computed at once. It becomes smaller if memory runs out.",
        "--batch",
        meanings={"auto": "the fastest number"},
        at_least=1,
        at_most=1024,
    )


@dataclass(frozen=True)
class ClassifierOptions(AnswerOptions):
    """How a model looks at images, and at which of a file's."""

    frames: Literal["first", "all"] = _input(
        "first",
        "The first, or all frames of files that have several.",
        "--frames",
    )


@dataclass(frozen=True)
class InputOptions:
    """How inputs are read."""

    recursive: bool = _input(
        True, "Search folders with their subfolders.", "--recursive"
    )
    column: str | Literal["auto"] = _input(
        "auto",
        "The column of tables that has the paths.",
        "--column",
        meanings={"auto": "path, file or image, or the only one"},
    )
    allow_private: bool = _input(
        False, "Allow web addresses in private networks.", "--allow-private"
    )


@dataclass(frozen=True)
class PredictOptions(ClassifierOptions, InputOptions):
    """All options of a prediction but its inputs, model and outputs."""

    on: str | Literal["here"] = _engine(
        "here",
        "Where images are answered: here, on the machines of the Ray cluster that this "
        "one belongs to (`ray`), or of one at an address (`ray://HOST:10001`).",
        "--on",
        meanings={"here": "on this machine"},
    )


@dataclass(frozen=True)
class ExplainOptions(EvaluateOptions, InputOptions):
    """How answers are explained."""

    method: Literal["grad-cam", "score-cam"] = setting(
        "grad-cam",
        "How the heat is found: by gradients, or by masked copies of each picture, "
        "which takes far longer.",
        "--method",
    )
    layer: str | Literal["auto"] = setting(
        "auto",
        "The layer whose maps are explained.",
        "--layer",
        meanings={"auto": "the last one before pooling"},
    )
    top: int = setting(
        1,
        "How many of the most probable classes to explain, unless classes are named.",
        "--top",
        at_least=1,
    )
    nearest: int = setting(
        0,
        "Show so many of the training images that look most alike to the model.",
        "--nearest",
        at_least=0,
        at_most=100,
    )


@dataclass(frozen=True)
class OutputOptions:
    """Where predictions go, besides a file or a stream of results."""

    format: Literal[
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
    ] = _output(
        "auto",
        "The form of the results. "
        "Objects can have the form of a data set's labels: coco is a file, and yolo, "
        "voc and labelme are folders.",
        "--format",
        meanings={"auto": "by the suffix of --out, or a table"},
    )
    resume: bool = _output(
        False, "Go on with an unfinished --out FILE.jsonl.", "--resume"
    )
    shard: str | Literal["none"] = _output(
        "none",
        "Answer only this share of the images, such as 3/16, for `cnnxfer merge`. It "
        "is every sixteenth image from the third on, and the same on every machine "
        "that sees the same inputs.",
        "--shard",
        meanings={"none": "all images"},
    )
    sheet: str | Literal["none"] = _output(
        "none",
        "Write a contact sheet, an HTML page.",
        "--sheet",
        is_path=True,
        meanings=_NOT_WRITTEN,
    )
    copy_to: str | Literal["none"] = _output(
        "none",
        "Copy the files to this folder, into a folder for each class.",
        "--copy-to",
        is_path=True,
        meanings=_NOT_WRITTEN,
    )
    drawn: str | Literal["none"] = _output(
        "none",
        "Draw boxes or masks into copies of the images, in this folder.",
        "--drawn",
        is_path=True,
        meanings=_NOT_WRITTEN,
    )
    masks: str | Literal["none"] = _output(
        "none",
        "Write the masks into this folder, as PNGs whose values are the classes.",
        "--masks",
        is_path=True,
        meanings=_NOT_WRITTEN,
    )
    heatmap: str | Literal["none"] = _output(
        "none",
        "Draw each image beside where its class is seen, into this folder.",
        "--heatmap",
        is_path=True,
        meanings=_NOT_WRITTEN,
    )


@dataclass(frozen=True)
class PredictIntoOptions(PredictOptions, OutputOptions):
    """All options of a prediction and of its outputs."""
