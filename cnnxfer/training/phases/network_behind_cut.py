"""Fine-tuning behind the cut: what is frozen runs once for each image and view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras

from cnnxfer.config import Config
from cnnxfer.data.feeding.activations import rows_in_order, training_rows
from cnnxfer.data.feeding.gate import Gate
from cnnxfer.engines.agreement import Verdict
from cnnxfer.engines.engine import Engine
from cnnxfer.errors import DataError
from cnnxfer.files import format_bytes
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.cut import (
    activation_shape,
    behind,
    cut_before,
    network_at,
)
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.reporting import counted
from cnnxfer.tasks.targets import targets_of
from cnnxfer.training.activations.engines import (
    activations_of_parts,
    disagreement,
    engines_for,
    some_of_validation,
)
from cnnxfer.training.activations.store import Activations, ActivationStore
from cnnxfer.training.task import Setup
from cnnxfer.training.trained_network import Order, compared


@dataclass(frozen=True)
class Cut:
    """Where a stage cuts the network, and what is kept there.

    Attributes:
        name: name of the layer behind which the network is cut.
        views: number of views that are kept of each training image; 0 if not even one
            fits into the cache.
        size_bytes: size of all that is kept, or of one view where none is kept.
    """

    name: str
    views: int
    size_bytes: int

    @property
    def text(self) -> str:
        """A sentence that tells what is kept."""
        if self.views:
            return (
                f"up to {self.name} the network runs once for each image and view; "
                f"{counted(self.views, 'view')} of each training image kept, "
                f"{format_bytes(self.size_bytes)}"
            )
        return (
            f"at {self.name}, one view of each image would take "
            f"{format_bytes(self.size_bytes)}, more than the cache may hold "
            "(CNNXFER_CACHE_LIMIT); so the whole network runs in every step"
        )


def choose_cut(
    classifier: keras.Model,
    start: int,
    config: Config,
    *,
    train_images: int,
    validation_images: int,
    store: ActivationStore,
) -> Cut | None:
    """Returns where to cut the network, and how many views fit the cache there.

    Args:
        classifier: from `build_classifier`, or loaded again.
        start: position of the backbone's first layer that learns.
        config: its `augment`, `cache` and `fine_tune.views` decide.
        train_images: how many there are.
        validation_images: the same.
        store: where activations would be kept.

    Returns:
        None if the whole network has to run in every step: for new views in every
        epoch, or since hardly anything is frozen.
    """
    backbone = backbone_of(classifier)
    name = cut_before(backbone, start)
    if name is None or not config.cache or not config.augment.plain:
        return None
    values = math.prod(activation_shape(backbone, name))

    def size_bytes(views: int) -> int:
        return store.size_bytes(views * train_images + validation_images, values)

    # Without augmentation, all views of an image are the same.
    views = config.fine_tune.views if config.augment.operations else 1
    while views and not store.fits(size_bytes(views)):
        views -= 1
    return Cut(name, views, size_bytes(max(views, 1)))


class NetworkBehindCut:
    """What lies behind a cut, which learns from activations that are kept.

    Attributes:
        engine: what computed them.
        cut: where they were taken.
    """

    def __init__(
        self,
        setup: Setup,
        classifier: keras.Model,
        cut: Cut,
        engine: Engine,
        views: list[Activations],
        validation: Activations,
    ) -> None:
        """Takes the activations of the run's images at the cut.

        Args:
            setup: the run.
            classifier: in float32; what is trainable in it lies behind the cut.
            cut: where activations were taken.
            engine: what computed them.
            views: of the training images.
            validation: of the validation images.
        """
        self.setup = setup
        self.classifier = classifier
        self.cut = cut
        self.engine = engine
        with setup.devices.scope():
            self.model = fused_network(behind(classifier, cut.name), setup.precision)
        self._views = views
        self._validation = validation
        self._gate = Gate()

    def training_batches(
        self, order: Order, *, batch_size: int, steps_per_epoch: int, first_step: int
    ) -> Any:
        """See `TrainedNetwork`; inputs: float32 `(batch, height, width, channels)`."""
        setup = self.setup
        return training_rows(
            self._views,
            targets_of(setup.parts.train, len(setup.class_names)),
            order,
            self._gate,
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            first_step=first_step,
            prefetch_to=setup.devices.prefetch_to,
        )

    def validation_batches(self, batch_size: int) -> tuple[Any, int]:
        """See `TrainedNetwork`; inputs: float32 `(batch, height, width, channels)`."""
        return rows_in_order(
            self._validation,
            self._gate,
            batch_size=batch_size,
            prefetch_to=self.setup.devices.prefetch_to,
        )

    @property
    def failure(self) -> DataError | None:
        """See `TrainedNetwork`: no image is read any more."""
        return None

    def close(self) -> None:
        """See `TrainedNetwork`."""
        self._gate.close()

    def agreement(self) -> Verdict:
        """See `TrainedNetwork`: what lies before the cut is computed by two engines."""
        samples, pixels = some_of_validation(self.setup)
        return compared(self, self._validation[samples], pixels)


def open_behind_cut(
    setup: Setup,
    classifier: keras.Model,
    cut: Cut,
    store: ActivationStore,
    taken: str | None = None,
) -> NetworkBehindCut:
    """Computes what lies before the cut, in the fastest engine that agrees with Keras.

    Args:
        setup: the run.
        classifier: in float32; what is trainable in it lies behind the cut.
        cut: from `choose_cut`, with at least one view.
        store: where activations are kept.
        taken: the `engine_text` that a stage which goes on has begun with.

    Raises:
        DataError: if an image cannot be read any more.
        RunError: if an engine that was asked for strays from Keras.
    """
    network = network_at(classifier, setup.backbone, cut.name)
    for engine in engines_for(setup, network):
        if taken and taken != engine_text(engine):
            continue
        views, validation = activations_of_parts(
            setup,
            network,
            engine,
            store,
            views=cut.views,
            title=f"{{}} images up to {cut.name}",
        )
        trained = NetworkBehindCut(setup, classifier, cut, engine, views, validation)
        if taken or engine.precision == "float32":
            return trained
        # What small errors of the activations do to answers, only these show.
        verdict = trained.agreement()
        if verdict.passed:
            return trained
        trained.close()
        setup.reporter.info(
            f"{engine.name} in {engine.precision} strays from Keras with this network "
            f"behind it: {verdict.figures}."
        )
    if taken:  # another machine, or another version of an engine
        setup.reporter.warn(
            f"{taken}, with which this stage began, is not to be had any more. What "
            "follows differs a little from what would have been."
        )
        return open_behind_cut(setup, classifier, cut, store)
    raise disagreement(engine, verdict)


def engine_text(engine: Engine) -> str:
    """Returns name and precision of an engine."""
    return f"{engine.name} {engine.precision}"
