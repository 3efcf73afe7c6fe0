"""A SavedModel that does more than compute is not loaded."""

from pathlib import Path

import pytest

from cnnxfer.engines.exported.saved_model import check_operations
from cnnxfer.errors import DataError


def test_a_graph_that_reads_files_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    class Thief(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def steal(self, x: tf.Tensor) -> tf.Tensor:
            content = tf.io.read_file("/etc/passwd")
            return x + tf.cast(tf.strings.length(content), tf.float32)

    tf.saved_model.save(Thief(), tmp_path / "saved_model")
    with pytest.raises(DataError, match="uses the operation"):
        check_operations(tmp_path / "saved_model")


def test_a_function_that_writes_files_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    class Vandal(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def overwrite(self, x: tf.Tensor) -> tf.Tensor:
            name = str(tmp_path / "precious")
            with tf.control_dependencies(
                [
                    tf.raw_ops.SaveV2(
                        prefix=name,
                        tensor_names=["x"],
                        shape_and_slices=[""],
                        tensors=[x],
                    )
                ]
            ):
                return x + 1

    tf.saved_model.save(Vandal(), tmp_path / "saved_model")
    with pytest.raises(DataError, match="uses the operation SaveV2"):
        check_operations(tmp_path / "saved_model")


def test_a_damaged_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(DataError, match="no complete SavedModel"):
        check_operations(tmp_path)
