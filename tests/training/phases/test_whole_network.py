from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnxfer.config import Augment, Config
from cnnxfer.errors import DataError
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.heads import HEAD
from cnnxfer.training.phases.whole_network import WholeNetwork
from cnnxfer.training.setup import Setup
from cnnxfer.training.start import prepare_run

BATCH, STEPS = 4, 4
SIZE = 64


@pytest.fixture
def setup(photos_dir: Path, tmp_path: Path) -> Setup:
    config = Config(
        backbone="mobilenet-0.25",
        data=str(photos_dir),
        weights="none",
        split="50/25/25",
        image_size=SIZE,
        precision="float32",
        devices="cpu",
        augment=Augment("strong", area=0.35, flip=True, mixup=0.2),
    )
    _, setup = prepare_run(lambda task: config, tmp_path / "runs", None, Reporter())
    return setup


def whole_network(setup: Setup) -> WholeNetwork:
    return WholeNetwork(setup, setup.build_classifier(precision="float32"))


def drawn(trained: WholeNetwork, first_step: int, count: int) -> list[np.ndarray]:
    images = len(trained.setup.splits.train)
    batches = trained.training_batches(
        lambda epoch: np.random.default_rng(epoch).permutation(images),
        batch_size=BATCH,
        steps_per_epoch=STEPS,
        first_step=first_step,
    )
    taken = [array for pair in batches.take(count) for array in pair]
    return [np.asarray(array) for array in taken]


def test_a_step_does_not_depend_on_those_before(setup: Setup) -> None:
    every = drawn(whole_network(setup), 0, 2 * STEPS)
    for first in (1, STEPS, STEPS + 2):
        alone = drawn(whole_network(setup), first, 2)
        for actual, reference in zip(
            alone, every[2 * first : 2 * first + 4], strict=True
        ):
            np.testing.assert_array_equal(actual, reference)
    assert every[0].shape == (BATCH, SIZE, SIZE, 3)
    assert every[1].shape == (BATCH, 3)
    assert not np.array_equal(every[0], every[2])


def test_the_last_validation_batch_is_filled_up(setup: Setup) -> None:
    trained = whole_network(setup)
    images = len(setup.splits.validation)
    assert images % BATCH
    batches, steps = trained.validation_batches(BATCH)
    seen = [np.asarray(batch) for batch in batches]
    assert [len(batch) for batch in seen] == [BATCH] * steps
    in_ones, _ = trained.validation_batches(1)
    alone = np.concatenate([np.asarray(batch) for batch in in_ones])
    np.testing.assert_array_equal(np.concatenate(seen)[:images], alone)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_changes_the_float32_classifier(
    setup: Setup, shallow_weights_path: Path, precision: str
) -> None:
    setup = replace(setup, precision=precision)
    classifier = setup.build_classifier(
        precision="float32", weights_path=shallow_weights_path
    )
    backbone_of(classifier).trainable = False
    before = [np.array(weight) for weight in classifier.get_weights()]
    trained = WholeNetwork(setup, classifier)
    model = trained.model
    model.compile(
        keras.optimizers.SGD(0.1),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    pixels, targets = drawn(trained, 0, 1)
    model.train_on_batch(pixels, targets)
    assert classifier.dtype_policy.name == "float32"
    assert {layer.compute_dtype for layer in backbone_of(classifier).layers} == {
        "float32"
    }
    changed = [
        not np.array_equal(old, new)
        for old, new in zip(before, classifier.get_weights(), strict=True)
    ]
    head = len(classifier.get_layer(HEAD).weights)
    assert changed == [False] * (len(before) - head) + [True] * head
    answers = [np.asarray(network(pixels)) for network in (model, classifier)]
    close = np.allclose(*answers, atol=1e-4)
    assert close == (precision == "float32")


def test_a_missing_image_is_the_failure(setup: Setup) -> None:
    trained = whole_network(setup)
    assert trained.failure is None
    gone = setup.splits.validation[0]
    gone.path.unlink()
    batches, _ = trained.validation_batches(2)
    with pytest.raises(Exception, match="DataError"):
        list(batches)
    assert isinstance(trained.failure, DataError)
    assert gone.id in str(trained.failure)
