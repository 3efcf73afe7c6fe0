"""Runs a SavedModel of TensorFlow, if all that it does is compute."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cnnxfer.engines.exported.manifest import Manifest
from cnnxfer.errors import DataError
from cnnxfer.keras_backend import import_tensorflow_quietly

BATCH_SIZE = 32
GRAPH = "saved_model.pb"
SIGNATURE = "serving_default"
# Operations of TensorFlow that networks of the catalog and their heads consist of, and
# what a SavedModel needs to hold variables and functions. A graph may otherwise read
# and write files, or call Python (https://www.tensorflow.org/guide/security or
# SECURITY.md of TensorFlow), so anything else is refused.
ALLOWED_OPERATIONS = frozenset(
    [
        "Abs",
        "Add",
        "AddN",
        "AddV2",
        "All",
        "Any",
        "ArgMax",
        "AssignVariableOp",
        "AvgPool",
        "BatchMatMulV2",
        "BiasAdd",
        "BroadcastTo",
        "Cast",
        "ConcatV2",
        "Const",
        "Conv2D",
        "DepthwiseConv2dNative",
        "DisableCopyOnRead",
        "Einsum",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "ExpandDims",
        "Fill",
        "Floor",
        "FloorDiv",
        "FloorMod",
        "FusedBatchNormV3",
        "GatherNd",
        "GatherV2",
        "Greater",
        "GreaterEqual",
        "Identity",
        "IdentityN",
        "If",
        "Less",
        "LessEqual",
        "Log",
        "LogicalAnd",
        "LogicalNot",
        "LogicalOr",
        "MatMul",
        "Max",
        "MaxPool",
        "Maximum",
        "Mean",
        "Min",
        "Minimum",
        "MirrorPad",
        "Mul",
        "Neg",
        "NoOp",
        "NotEqual",
        "OneHot",
        "Pack",
        "Pad",
        "PadV2",
        "PartitionedCall",
        "Placeholder",
        "Pow",
        "Prod",
        "Range",
        "ReadVariableOp",
        "RealDiv",
        "Relu",
        "Relu6",
        "Reshape",
        "ResizeBilinear",
        "ResizeNearestNeighbor",
        "ReverseV2",
        "Round",
        "Rsqrt",
        "ScaleAndTranslate",
        "Select",
        "SelectV2",
        "Selu",
        "Shape",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Softplus",
        "Split",
        "SplitV",
        "Sqrt",
        "Square",
        "SquaredDifference",
        "Squeeze",
        "StatefulPartitionedCall",
        "StatelessIf",
        "StaticRegexFullMatch",
        "StopGradient",
        "StridedSlice",
        "StringJoin",
        "Sub",
        "Sum",
        "Tanh",
        "Tile",
        "TopKV2",
        "Transpose",
        "Unpack",
        "VarHandleOp",
        "VarIsInitializedOp",
        "Where",
        "ZerosLike",
    ]
)

# Those that a SavedModel restores its variables by. The loader does that by itself, so
# nothing that it runs needs them.
FILE_OPERATIONS = frozenset(
    ["MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename"]
)


class SavedModelEngine:
    """Runs a network in TensorFlow, without Keras."""

    name = "savedmodel"
    calibration = ""
    streams = 1

    def __init__(
        self, path: Path, manifest: Manifest, batch_size: int | None = None
    ) -> None:
        """Loads a folder.

        Raises:
            DataError: if its graph does anything but compute.
        """
        import_tensorflow_quietly()
        import tensorflow as tf

        check_operations(path)
        self.precision, self.image_size = manifest.precision, manifest.image_size
        self.batch_size = batch_size or BATCH_SIZE
        self._input, self._output = manifest.input, manifest.output
        self._loaded = tf.saved_model.load(path)
        self._function = self._loaded.signatures[SIGNATURE]

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the network's answers; see `Engine.run`."""
        import tensorflow as tf

        for pixels in batches:
            inputs = {self._input: tf.constant(pixels.astype(np.float32))}
            answers: np.ndarray = self._function(**inputs)[self._output].numpy()
            yield answers


def check_operations(folder: Path) -> None:
    """Checks that the graph of a SavedModel consists of known operations.

    Those that read and write variables may be in functions which nothing calls but the
    saver at the top of the graph, which is not run.

    Raises:
        DataError: if it has another one, or cannot be read.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / GRAPH
    try:
        graphs = saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs
    except Exception as error:  # protobuf raises kinds of its own
        raise DataError(f"{path} is no complete SavedModel: {error}") from error
    for graph in graphs:
        if not graph.object_graph_def.nodes:
            raise DataError(f"{path} is of TensorFlow 1, which cnnxfer never writes.")
        functions = graph.graph_def.library.function
        called = set(graph.object_graph_def.concrete_functions)
        for function in functions:
            for node in function.node_def:
                called.update(_functions_called(node))
        nodes = [*graph.graph_def.node]
        for function in functions:
            nodes.extend(function.node_def)
            used = {node.op for node in function.node_def} & FILE_OPERATIONS
            if used and function.signature.name in called:
                raise _refusal(path, min(used))
        for node in nodes:
            if node.op not in ALLOWED_OPERATIONS | FILE_OPERATIONS:
                raise _refusal(path, node.op)


def _functions_called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        for function in (value.func, *value.list.func):
            if function.name:
                yield function.name


def _refusal(path: Path, operation: str) -> DataError:
    return DataError(
        f"{path} uses the operation {operation}, which no network of cnnxfer needs, "
        "and which may do more than compute. It is not loaded."
    )
