"""The log that TensorBoard reads: event files in the directory of a run."""

from collections.abc import Sequence

import tensorflow as tf

from cnnxfer.runs import Run
from cnnxfer.training.tracking.tracking import Point

# What `tf.summary.scalar` writes beside a number. That function needs the package
# tensorboard, which shows the files and is not needed to write them.
SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
    data_class="DATA_CLASS_SCALAR",
)


class TensorBoardLog:
    """Event files, to which each process adds one of its own."""

    def __init__(self, run: Run) -> None:
        """Begins a file, which is written with the first figures."""
        directory = str(run.tensorboard_dir)
        self._writer = tf.summary.create_file_writer(directory)

    def add(self, points: Sequence[Point]) -> None:
        """Writes figures to the file at once."""
        with self._writer.as_default():
            for epoch, figures in points:
                for name, value in figures.items():
                    number = tf.constant(value, tf.float32)
                    tf.summary.write(name, number, step=epoch, metadata=SCALAR)
        self._writer.flush()
