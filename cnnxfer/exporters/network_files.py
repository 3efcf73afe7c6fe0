"""The forms of a network that are written from: of Keras, and of OpenVINO."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnxfer.engines.converted import convert, find_converted
from cnnxfer.engines.engine import Network
from cnnxfer.engines.openvino_engine import FILES
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.keras_backend import starting_keras
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    import keras


@dataclass(eq=False)
class NetworkFiles:
    """A network, in the form that a format is written from; each is made once.

    Attributes:
        network: the network.
        reporter: told what takes long.
    """

    network: Network
    reporter: Reporter

    @cached_property
    def keras_model(self) -> keras.Model:
        """The Keras model; importing TensorFlow takes seconds."""
        with starting_keras(self.reporter):
            return self.network.build()

    @cached_property
    def converted(self) -> Path:
        """The folder with the network in OpenVINO's form, in float32.

        The cache has it if the network has answered before. Then no TensorFlow is
        needed.
        """
        found = find_converted(self.network.key, self.reporter)
        if found is None:
            with self.reporter.wait(f"converting {self.network.title} for OpenVINO"):
                found = convert(
                    self.network, lambda: self.keras_model, lambda: None, self.reporter
                )
        return found

    def openvino_model(self) -> Any:
        """Returns a new `openvino.Model`, which may be changed."""
        return openvino.Core().read_model(self.converted / FILES[0])
