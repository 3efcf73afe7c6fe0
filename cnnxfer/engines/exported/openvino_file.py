"""Runs an exported network in OpenVINO, at the precision that was checked."""

from pathlib import Path

from cnnxfer.engines.exported.manifest import Manifest
from cnnxfer.engines.openvino_engine import OpenVinoEngine


class OpenVinoFileEngine(OpenVinoEngine):
    """Computes in float32, also where the weights are smaller in the file."""

    def __init__(
        self, path: Path, manifest: Manifest, batch_size: int | None = None
    ) -> None:
        """Compiles the network in a `.xml` file with the `.bin` file beside it."""
        super().__init__(path.parent, "float32", batch_size)
        self.precision = manifest.precision
