"""Trains the layers behind a cut, on cached activations of the frozen layers."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from cnnxfer.config import Config
from cnnxfer.data.feeding.activations import (
    activation_batches,
    ordered_activation_batches,
)
from cnnxfer.data.feeding.gate import Gate
from cnnxfer.engines.engine import Engine
from cnnxfer.files import format_bytes
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.cut import (
    activation_shape,
    deepest_cut,
    model_behind,
    network_before,
)
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.reporting import counted
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.tasks.task import MAPS
from cnnxfer.training.activations.engines import (
    disagreement_error,
    engine_text,
    engines_for,
    load_split_activations,
    validation_samples,
)
from cnnxfer.training.activations.store import Activations, ActivationStore
from cnnxfer.training.setup import Setup
from cnnxfer.training.trained_network import Order, TrainedNetwork
from cnnxfer.training.workers.joining import decided


@dataclass(frozen=True)
class Cut:
    """Where a stage cuts the network, and what is cached there."""

    name: str  # of the layer at the cut, one of `cut.boundaries`
    views: int  # cached ones of each training image; 0 if not even one fits
    size_bytes: int  # of all cached activations; for 0 views, that of one view

    @property
    def text(self) -> str:
        """A description of what is cached, for people."""
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
    """Returns where to cut the network, and how many views fit into the cache there.

    The backbone's layers from position `start` on learn.

    Returns:
        None if the whole network has to run in every step, either because each epoch
        has new views or because hardly any layer is frozen.
    """
    name = deepest_cut(backbone_of(classifier), start)
    if name is None or not config.cache or not config.augment.is_cacheable:
        return None
    # Without augmentation, all views of an image are equal.
    views = config.fine_tune.views if config.augment.operations else 1
    return cut_that_fits(
        classifier,
        name,
        views,
        train_images=train_images,
        validation_images=validation_images,
        store=store,
    )


def cut_that_fits(
    classifier: keras.Model,
    name: str,
    views: int,
    *,
    train_images: int,
    validation_images: int,
    store: ActivationStore,
) -> Cut:
    """Returns a cut with as many of the views as fit into the cache there."""
    values = math.prod(activation_shape(backbone_of(classifier), name))

    def size_bytes(views: int) -> int:
        return store.size_bytes(views * train_images + validation_images, values)

    while views and not store.fits(size_bytes(views)):
        views -= 1
    return Cut(name, views, size_bytes(max(views, 1)))


class NetworkBehindCut(TrainedNetwork):
    """The layers behind a cut, trained on cached activations."""

    def __init__(
        self,
        setup: Setup,
        classifier: keras.Model,
        cut: Cut,
        engine: Engine,
        views: list[Activations],
        validation: Activations,
    ) -> None:
        """Builds the network behind the cut, in the precision of the run.

        The engine computed the activations of each view of the training images, and
        those of the validation images.
        """
        with setup.devices.scope():
            model = fused_network(model_behind(classifier, cut.name), setup.precision)
        super().__init__(setup, classifier, model)
        self.cut = cut
        if cut.name == MAPS:  # the head alone learns, in epochs of a few seconds
            self.save_after_seconds = 10.0
        self.engine = engine
        self._views = views
        self._validation = validation
        self._gate = Gate()

    @cached_property
    def _targets(self) -> list[np.ndarray]:
        """What is to be answered to each view; masks are read for it."""
        return self.setup.train_targets(len(self._views))

    def training_batches(
        self,
        order: Order,
        *,
        batch_size: int,
        steps_per_epoch: int,
        first_step: int,
        stride: int = 1,
    ) -> Any:
        """See `TrainedNetwork`; inputs: float32 `(batch, height, width, channels)`."""
        setup = self.setup
        return activation_batches(
            self._views,
            self._targets,
            order,
            self._gate,
            batch_size=batch_size,
            steps_per_epoch=steps_per_epoch,
            first_step=first_step,
            stride=stride,
            prefetch_to=setup.devices.prefetch_to,
        )

    def validation_batches(
        self, batch_size: int, first_step: int = 0, stride: int = 1
    ) -> tuple[Any, int]:
        """See `TrainedNetwork`; inputs: float32 `(batch, height, width, channels)`."""
        return ordered_activation_batches(
            self._validation,
            self._gate,
            batch_size=batch_size,
            first_step=first_step,
            stride=stride,
            prefetch_to=self.setup.devices.prefetch_to,
        )

    def close(self) -> None:
        """See `TrainedNetwork`."""
        self._gate.close()

    def agreement(self) -> Verdict:
        """See `TrainedNetwork`; the two sides differ in the engine before the cut."""
        samples, pixels = validation_samples(self.setup)
        return self.compared(self._validation[samples], pixels)


def open_behind_cut(
    setup: Setup,
    classifier: keras.Model,
    cut: Cut,
    store: ActivationStore,
    used_engine: str,
) -> NetworkBehindCut:
    """Computes the activations at a cut, in the fastest engine that agrees with Keras.

    Args:
        setup: everything the network is trained with.
        classifier: the whole network in float32; its trainable layers are behind the
            cut.
        cut: a cut from `choose_cut`, with at least one view.
        store: the cache of activations.
        used_engine: the `engine_text` of what a resumed stage began with, else "".

    Raises:
        DataError: if an image can no longer be read.
        RunError: if the engine that the user asked for deviates from Keras.
    """
    network = network_before(classifier, setup.backbone, cut.name)
    for engine in engines_for(setup, network, used=used_engine):
        views, validation = load_split_activations(
            setup,
            network,
            engine,
            store,
            views=cut.views,
            title=f"{{}} images up to {cut.name}",
        )
        trained = NetworkBehindCut(setup, classifier, cut, engine, views, validation)
        if engine.precision == "float32" or engine_text(engine) == used_engine:
            return trained
        # The effect of small errors in activations shows only in the answers.
        with setup.reporter.wait("comparing what is kept with the network"):
            verdict = decided(Verdict, trained.agreement)
        if verdict.passed:
            return trained
        trained.close()
        setup.reporter.detail(
            f"{engine.name} in {engine.precision} deviates from Keras with this "
            f"network behind it: {verdict.figures}."
        )
    raise disagreement_error(engine, verdict)
