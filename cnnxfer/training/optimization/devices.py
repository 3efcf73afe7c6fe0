"""Which processors train: one accelerator, all of them, or the CPU."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import keras

from cnnxfer.errors import ConfigError


@dataclass(frozen=True)
class Devices:
    """The processors of a run.

    Attributes:
        replicas: how many copies of the model train side by side.
        prefetch_to: device that batches are copied to ahead of time; None on a CPU,
            and where a strategy does it.
        compute_capability: of the weakest NVIDIA GPU in use; None without one.
        strategy: TensorFlow's, for several replicas.
    """

    replicas: int = 1
    prefetch_to: str | None = None
    compute_capability: tuple[int, int] | None = None
    strategy: Any = None

    def scope(self) -> AbstractContextManager[Any]:
        """Model and optimizer are built inside it."""
        return self.strategy.scope() if self.strategy else nullcontext()

    def batch_size(self, wanted: int, images: int) -> int:
        """Returns the batch that `images` can fill and the replicas can share.

        A strategy fails where a first batch doesn't divide among its replicas.

        Raises:
            ConfigError: if there are fewer images than replicas.
        """
        if images < self.replicas:
            raise ConfigError(
                f"{images} images cannot be shared among {self.replicas} devices. "
                "Use --devices one."
            )
        shared = min(max(wanted, self.replicas), images)
        return shared // self.replicas * self.replicas


def prepare_devices(choice: str) -> Devices:
    """Claims the processors for this process; call it before any computation.

    Args:
        choice: `one`, `all` or `cpu`.

    Raises:
        ConfigError: if several are asked of a backend that cnnxfer has no way to
            spread over them, or the process has used others before.
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        if choice == "all":
            raise ConfigError(
                f"--devices all needs the TensorFlow backend; Keras runs on "
                f"{backend}. Unset KERAS_BACKEND, or --devices one."
            )
        return Devices()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if choice == "cpu":
        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError as error:
            raise ConfigError(
                "--devices cpu comes too late: this process has used the GPU before. "
                "Start another."
            ) from error
        return Devices()
    if choice == "all" and len(gpus) > 1:
        strategy = tf.distribute.MirroredStrategy()
        return Devices(
            replicas=strategy.num_replicas_in_sync,
            compute_capability=_weakest(gpus),
            strategy=strategy,
        )
    # TensorFlow computes on the first GPU where nothing else is said.
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
