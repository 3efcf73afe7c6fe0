"""Runs an exported network in OpenVINO, at the precision that was checked."""

from pathlib import Path

from cnnxfer.engines.exported.manifest import Manifest
from cnnxfer.engines.openvino_engine import OpenVinoEngine
from cnnxfer.errors import DataError

START, DECLARATION = b'<?xml version="1.0"?>', b"<!"  # of a file; of entities in it


class OpenVinoFileEngine(OpenVinoEngine):
    """Computes in float32, also where the weights are smaller in the file."""

    def __init__(
        self, path: Path, manifest: Manifest, batch_size: int | None = None
    ) -> None:
        """Compiles the network in a `.xml` file with the `.bin` file beside it.

        Operations that are not built into the runtime are refused.

        Raises:
            DataError: if the XML declares a type of its own, as entities need one.
        """
        content = path.read_bytes()
        if not content.startswith(START) or DECLARATION in content:
            raise DataError(
                f"{path} is not XML as OpenVINO writes it: it begins otherwise, or has "
                "declarations of its own. It is not loaded."
            )
        super().__init__(path.parent, "float32", batch_size, file=path.name)
        self.precision = manifest.precision
