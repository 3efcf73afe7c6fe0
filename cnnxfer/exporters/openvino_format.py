"""Writes OpenVINO's form of a network."""

from cnnxfer.engines.calibration import quantized
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.exporters.formats import INPUT, OUTPUT, Target
from cnnxfer.exporters.network_files import NetworkFiles


def write_openvino(files: NetworkFiles, target: Target) -> None:
    """Writes a `.xml` file with a `.bin` file beside it."""
    network = files.openvino_model()
    if target.precision == "int8":
        network = quantized(network, target.calibration())
    network.input().set_names({INPUT})
    network.output(0).set_names({OUTPUT})
    half = target.precision == "float16"
    openvino.save_model(network, target.path, compress_to_fp16=half)
