"""Auxiliary classifiers teach the early layers, and nothing else shows them."""

import keras
import numpy as np
import pytest
from auxiliary import with_auxiliary
from shallow_mobilenet import in_place_of_mobilenet

from cnnxfer.networks.auxiliary import AuxiliaryLosses, with_auxiliary_classifiers
from cnnxfer.networks.classifier import backbone_of, build_classifier
from cnnxfer.networks.fused.network import fused_network
from cnnxfer.tasks.heads import HEAD

CLASSES, SIZE = 3, 64
ENTRY = with_auxiliary(("conv_pw_1_relu", "conv_pw_2_relu"))
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.uniform(0, 255, (4, SIZE, SIZE, 3)).astype(np.float32)
TARGETS = np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 0]]
LOSS = keras.losses.CategoricalCrossentropy(from_logits=True)


@pytest.fixture
def classifier() -> keras.Model:
    keras.utils.set_random_seed(0)
    with in_place_of_mobilenet():
        return build_classifier(ENTRY, image_size=SIZE, num_classes=CLASSES, dropout=0)


def in_training(
    classifier: keras.Model, weight: float, precision: str = "float32"
) -> AuxiliaryLosses:
    network = with_auxiliary_classifiers(classifier, ENTRY)
    model = AuxiliaryLosses(fused_network(network, precision), weight)
    model.compile(
        keras.optimizers.SGD(0.1),
        LOSS,
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return model


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_early_layers_learn_from_the_auxiliary_losses_alone(
    classifier: keras.Model, weight: float, precision: str
) -> None:
    head = classifier.get_layer(HEAD)
    head.kernel.assign(np.zeros(head.kernel.shape))  # so it has no gradient to pass on
    stem = backbone_of(classifier).get_layer("conv1")
    late = backbone_of(classifier).get_layer("conv_pw_3")
    before = [np.array(layer.kernel) for layer in (stem, late)]
    in_training(classifier, weight, precision).train_on_batch(PIXELS, TARGETS)
    assert np.array_equal(stem.kernel, before[0]) == (weight == 0)
    np.testing.assert_array_equal(late.kernel, before[1])


def test_the_loss_is_the_classifier_s_and_a_part_of_the_others(
    classifier: keras.Model,
) -> None:
    model = in_training(classifier, 0.3)
    logits = [RANDOM.normal(size=TARGETS.shape).astype(np.float32) for _ in range(3)]
    main, *others = (float(LOSS(TARGETS, each)) for each in logits)
    found = model.compute_loss(y=TARGETS, y_pred=logits, training=True)
    assert float(found) == pytest.approx(main + 0.3 * sum(others), rel=1e-5)
    found = model.compute_loss(y=TARGETS, y_pred=logits[0], training=False)
    assert float(found) == pytest.approx(main, rel=1e-5)


def test_answers_and_figures_are_the_classifier_s(classifier: keras.Model) -> None:
    model = in_training(classifier, 0.3)
    answers = classifier.predict_on_batch(PIXELS)
    np.testing.assert_allclose(model.predict_on_batch(PIXELS), answers, atol=1e-4)
    figures = model.test_on_batch(PIXELS, TARGETS, return_dict=True)
    assert figures["loss"] == pytest.approx(float(LOSS(TARGETS, answers)), abs=1e-4)
    right = (answers.argmax(-1) == TARGETS.argmax(-1)).mean()
    assert figures["accuracy"] == pytest.approx(right)
    assert model.count_params() > classifier.count_params()
