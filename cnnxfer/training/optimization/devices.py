"""Chooses the processors to train on: one accelerator, all of them, or the CPU."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras

from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option


@dataclass(frozen=True)
class Devices:
    """The processors that a run is trained on."""

    replicas: int = 1  # copies of the model that are trained side by side
    # Where batches are copied ahead of time; None on a CPU, and with a strategy, which
    # copies them itself.
    prefetch_to: str | None = None
    # The lowest of the NVIDIA GPUs in use.
    compute_capability: tuple[int, int] | None = None
    strategy: Any = None  # the `tf.distribute.Strategy` for several replicas

    def scope(self) -> AbstractContextManager[Any]:
        """Returns the context in which model and optimizer have to be built."""
        return self.strategy.scope() if self.strategy else nullcontext()

    def batch_size(self, wanted: int, images: int) -> int:
        """Returns a batch size that the images can fill and the replicas can share.

        A strategy fails if its first batch cannot be divided among the replicas.

        Raises:
            ConfigError: if there are fewer images than replicas.
        """
        if images < self.replicas:
            raise ConfigError(
                f"{images} images cannot be shared among {self.replicas} devices. "
                f"Use {option('--devices', 'one')}."
            )
        shared = min(max(wanted, self.replicas), images)
        return shared // self.replicas * self.replicas


def prepare_devices(choice: str) -> Devices:
    """Claims the processors for this process; call this before any computation.

    Args:
        choice: `one`, `all` or `cpu`.

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


def _weakest(gpus: list[Any]) -> tuple[int, int] | None:
    import tensorflow as tf

    capabilities = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability")
        for gpu in gpus
    ]
    known = [capability for capability in capabilities if capability]
    return min(known) if known else None
