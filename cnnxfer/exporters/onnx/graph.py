"""A graph of ONNX that grows node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

OPSET = 20  # the first with Gelu; ONNX Runtime 1.17 and later have it
IR_VERSION = 9  # which came with this opset


class OnnxGraph:
    """Nodes and constants of a graph; tensors are known by their names."""

    def __init__(self) -> None:
        """Begins without a node."""
        self._nodes: list[onnx.NodeProto] = []
        self._makers: dict[str, onnx.NodeProto] = {}  # by what they make
        self._constants: dict[str, np.ndarray] = {}

    def add(
        self, operation: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any
    ) -> list[str]:
        """Adds a node and returns the names of its outputs.

        Args:
            operation: the name that ONNX gives it, such as `Conv`.
            inputs: the names of its inputs; empty for one that is left out.
            outputs: how many outputs it has.
            attributes: those of the operation.
        """
        number = len(self._nodes)
        names = [f"{operation}_{number}_{output}" for output in range(outputs)]
        node = onnx.helper.make_node(
            operation, list(inputs), names, f"{operation}_{number}", **attributes
        )
        self._nodes.append(node)
        self._makers.update(dict.fromkeys(names, node))
        return names

    def constant(self, values: np.ndarray) -> str:
        """Adds a constant and returns its name."""
        name = f"constant_{len(self._constants)}"
        self._constants[name] = values
        return name

    def integers(self, values: Sequence[int]) -> str:
        """Adds a list of integers, as shapes and axes are, and returns its name."""
        return self.constant(np.array(values, np.int64))

    def add_bias(self, tensor: str, bias: np.ndarray) -> bool:
        """Puts what is added to a convolution's channels into the convolution.

        Runtimes do that as they load a file. Quantization does not: it rounds what
        comes out of every node, which would be the sum without the bias, too.

        Args:
            tensor: the name of what the bias is added to; nothing else may read it.
            bias: what is added.

        Returns:
            Whether the tensor comes from a convolution without a bias, and this is one.
        """
        node = self._makers.get(tensor)
        if node is None or node.op_type != "Conv" or len(node.input) > 2:
            return False
        kernels = self._constants.get(node.input[1])
        if kernels is None or bias.shape != (1, len(kernels)) + (1,) * (
            kernels.ndim - 2
        ):
            return False
        node.input.append(self.constant(bias.reshape(-1)))
        return True

    def model(
        self,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[tuple[str, onnx.ValueInfoProto]],
    ) -> onnx.ModelProto:
        """Returns the whole graph as a model.

        Args:
            inputs: name, type and shape of each input.
            outputs: of each output, the name of its tensor, and name, type and shape.
        """
        for tensor, info in outputs:
            self._nodes.append(onnx.helper.make_node("Identity", [tensor], [info.name]))
        used = {name for node in self._nodes for name in node.input}
        graph = onnx.helper.make_graph(
            self._nodes,
            "network",
            list(inputs),
            [info for _, info in outputs],
            [
                onnx.numpy_helper.from_array(values, name)
                for name, values in self._constants.items()
                if name in used  # others are attributes in ONNX
            ],
        )
        return onnx.helper.make_model(
            graph,
            opset_imports=[onnx.helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="cnnxfer",
        )
