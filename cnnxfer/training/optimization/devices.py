"""Chooses the processors to train on: one accelerator, all of them, or the CPU."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras

from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option
from cnnxfer.training.workers.joining import joined
from cnnxfer.training.workers.workers import Workers


@dataclass(frozen=True)
class Devices:
    """The processors that a run is trained on."""

    replicas: int = 1  # copies of the model that are trained side by side
    # Where batches are copied ahead of time; None on a CPU, and with a strategy, which
    # copies them itself.
    prefetch_to: str | None = None
    # The lowest of the NVIDIA GPUs in use.
    compute_capability: tuple[int, int] | None = None
    # The `tf.distribute.Strategy` for several replicas, or for workers.
    strategy: Any = None
    workers: Workers | None = None  # processes that train together; None for one alone

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the context in which model and optimizer have to be built."""
        # A worker has a network of its own, and adds its gradients to those of others.
        return self.strategy.scope() if self.replicas > 1 else nullcontext()

    @property
    def shares(self) -> int:
        """Among how many workers a batch is divided; 1 for a process that is alone."""
        return self.workers.count if self.workers else 1

    def batch_size(self, wanted: int, images: int) -> int:
        """Returns a batch size that the images can fill, and all processors can share.

        A strategy fails if its first batch cannot be divided among the replicas.

        Raises:
            ConfigError: if there are fewer images than processors.
        """
        return _shared(wanted, images, self.replicas * self.shares)

    def part_size(self, wanted: int, images: int) -> int:
        """Returns the same for what one worker computes at once."""
        return _shared(wanted, images, self.replicas)


def _shared(wanted: int, images: int, processors: int) -> int:
    if images < processors:
        raise ConfigError(
            f"{images} images cannot be shared among {processors} devices. "
            f"Use {option('--devices', 'one')}."
        )
    return min(max(wanted, processors), images) // processors * processors


def prepare_devices(choice: str, *, together: bool = False) -> Devices:
    """Claims the processors for this process; call this before any computation.

    Args:
        choice: `one`, `all` or `cpu`.
        together: whether `all` are those of the workers that this process has joined,
            too, if it has.

    Raises:
        ConfigError: if `all` is asked for and Keras does not run on TensorFlow, or if
            `cpu` is asked for and this process has used a GPU already.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        if choice == "all":
            raise ConfigError(
                f"{option('--devices', 'all')} needs the TensorFlow backend; Keras "
                f"runs on {backend}. Unset KERAS_BACKEND, or use "
                f"{option('--devices', 'one')}."
            )
        return Devices()
    if choice == "all" and together and (workers := joined()):
        return _with_workers(workers)
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if choice == "cpu":
        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError as error:
            raise ConfigError(
                f"{option('--devices', 'cpu')} comes too late: this process has used "
                "the GPU before. Start another."
            ) from error
        return Devices()
    if choice == "all" and len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy()
        return Devices(
            replicas=strategy.num_replicas_in_sync,
            compute_capability=_weakest(gpus),
            strategy=strategy,
        )
    # TensorFlow computes on the first GPU by default.
    return Devices(
        prefetch_to="/GPU:0" if gpus else None, compute_capability=_weakest(gpus[:1])
    )


@cache
def _with_workers(workers: Workers) -> Devices:
    import tensorflow as tf

    from cnnxfer.training.workers.exchange import connect

    strategy = connect(workers)
    gpus = tf.config.get_visible_devices("GPU")
    return Devices(
        prefetch_to="/GPU:0" if gpus else None,
        compute_capability=_weakest(gpus[:1]),
        strategy=strategy,
        workers=workers,
    )


def _weakest(gpus: list[Any]) -> tuple[int, int] | None:
    import tensorflow as tf

    capabilities = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability")
        for gpu in gpus
    ]
    known = [capability for capability in capabilities if capability]
    return min(known) if known else None
