"""The formats that a network can be exported to: an entry each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.engines.exported.manifest import EXTRA, FormatName, Precision
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.packages import require_packages
from cnnxfer.registry import Registry
from cnnxfer.spelling import option

if TYPE_CHECKING:
    import numpy as np

ALL = "all"  # of them
HERE = __package__
INPUT, OUTPUT = "pixels", "outputs"  # what the ends of a network are called


@dataclass(frozen=True)
class Target:
    """Where and how a network is written.

    Attributes:
        path: the file or the folder, which doesn't exist yet.
        precision: what the weights are stored in.
        calibration: returns training pictures as the network sees them, uint8
            `(images, size, size, 3)`, for int8 alone.
        description: what a Keras file is to say of itself.
    """

    path: Path
    precision: Precision
    calibration: Callable[[], np.ndarray]
    description: dict[str, object]


@dataclass(frozen=True)
class Format:
    """A format of exported networks.

    Attributes:
        name: its name.
        file: the name of the file or the folder that is written.
        precisions: those that it has.
        writer: `"module:function"` of `(NetworkFiles, Target)`, which writes it.
        packages: the packages that writing and running needs, besides cnnxfer's own, by
            the precision that needs them.
        example: the lines of Python in the README that run it, from pixels to outputs.
    """

    name: FormatName
    file: str
    precisions: tuple[Precision, ...]
    writer: str
    packages: dict[Precision, tuple[str, ...]]
    example: str

    def require(self, precision: Precision) -> None:
        """Checks that the format has a precision, and that no package is missing.

        Raises:
            ConfigError: if not.
        """
        if precision not in self.precisions:
            raise ConfigError(
                f"{self.name} has no {precision}. Use {option('--precision')} with one "
                f"of: {', '.join(self.precisions)}."
            )
        packages = self.packages.get(precision, ())
        require_packages(packages, f"{self.name} in {precision}", EXTRA)


def require_new(folder: Path) -> None:
    """Checks that there is no export yet where one is to be.

    Raises:
        ConfigError: if there is.
    """
    if folder.exists():
        raise ConfigError(
            f"{folder} exists, and an export is never overwritten. Move it away, or "
            f"name another folder with {option('--out')}."
        )


FORMATS: Registry[Format] = Registry(
    "format",
    Format(
        "keras",
        "model.keras",
        ("float32",),
        f"{HERE}.keras_format:write_keras",
        {},
        """
import keras  # cnnxfer's own layers: import cnnxfer.tasks.own_layers before

model = keras.saving.load_model("model.keras")
outputs = np.asarray(model(pixels))
""",
    ),
    Format(
        "savedmodel",
        "saved_model",
        ("float32",),
        f"{HERE}.keras_format:write_saved_model",
        {},
        """
import tensorflow as tf

model = tf.saved_model.load("saved_model").signatures["serving_default"]
outputs = model(pixels=tf.constant(pixels))["outputs"].numpy()
""",
    ),
    Format(
        "onnx",
        "model.onnx",
        ("float32", "float16", "int8"),
        f"{HERE}.onnx_format:write_onnx",
        dict.fromkeys(("float32", "float16", "int8"), ("onnx", "onnxruntime")),
        """
import onnxruntime

model = onnxruntime.InferenceSession("model.onnx")
(outputs,) = model.run(["outputs"], {"pixels": pixels})
""",
    ),
    Format(
        "openvino",
        "model.xml",
        ("float32", "float16", "int8"),
        f"{HERE}.openvino_format:write_openvino",
        {"int8": ("nncf",)},
        """
import openvino

# Processors with bfloat16 would compute in it, which is not what was checked.
exact = {"INFERENCE_PRECISION_HINT": "f32"}
model = openvino.compile_model("model.xml", "CPU", exact)
outputs = model(pixels)[0]
""",
    ),
    Format(
        "litert",
        "model.tflite",
        ("float32", "float16", "int8"),
        f"{HERE}.litert_format:write_litert",
        dict.fromkeys(("float32", "float16", "int8"), ("ai_edge_litert",)),
        """
from ai_edge_litert.interpreter import Interpreter

model = Interpreter("model.tflite")
place = model.get_input_details()[0]["index"]
model.resize_tensor_input(place, pixels.shape)
model.allocate_tensors()
model.set_tensor(place, pixels)
model.invoke()
outputs = model.get_tensor(model.get_output_details()[0]["index"])
""",
    ),
)
