"""Writes OpenVINO's form of a network."""

from typing import Any

import numpy as np

from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.exporters.formats import INPUT, OUTPUT, Target
from cnnxfer.exporters.network_files import NetworkFiles
from cnnxfer.quiet import quiet_libraries


def write_openvino(files: NetworkFiles, target: Target) -> None:
    """Writes a `.xml` file with a `.bin` file beside it."""
    network = files.openvino_model()
    if target.precision == "int8":
        network = _quantized(network, target.calibration())
    network.input().set_names({INPUT})
    network.output(0).set_names({OUTPUT})
    half = target.precision == "float16"
    openvino.save_model(network, target.path, compress_to_fp16=half)


def _quantized(network: Any, pixels: np.ndarray) -> Any:
    pictures = [picture[None].astype(np.float32) for picture in pixels]
    with quiet_libraries():
        import nncf

        return nncf.quantize(
            network,
            nncf.Dataset(pictures),
            subset_size=len(pictures),
            preset=nncf.QuantizationPreset.MIXED,
        )
