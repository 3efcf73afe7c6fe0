"""Tests that RandAugment draws all operations, and that each has its effect."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import Augment
from cnnxfer.data.augmentation import randaugment as module
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.randaugment import (
    MOTIONS,
    OPERATIONS,
    RECOLOURINGS,
    choose_operations,
)

IMAGE = Image.fromarray(
    np.random.default_rng(0).integers(30, 200, (20, 30, 3)).astype(np.uint8)
)
WHATEVER = ("autocontrast", "equalize")  # have no strength


def test_there_are_fourteen_operations():
    assert len(OPERATIONS) == 14


@pytest.mark.parametrize("name", RECOLOURINGS)
def test_colour_operations_depend_on_strength(name):
    weak, strong, other = (
        np.asarray(RECOLOURINGS[name](IMAGE, strength), float)
        for strength in (0, 0.9, -0.9)
    )
    plain = np.asarray(IMAGE, float)
    assert (weak == plain).all() == (name not in WHATEVER)
    assert (np.abs(strong - plain).mean() > 3) == (name != "identity")
    sided = ("brightness", "contrast", "colour", "sharpness")
    assert (strong != other).any() == (name in sided)


@pytest.mark.parametrize("name", MOTIONS)
def test_opposite_strengths_cancel_each_other(name):
    still, there, back = (MOTIONS[name](strength) for strength in (0, 0.5, -0.5))
    np.testing.assert_array_equal(still.matrix, np.eye(2))
    np.testing.assert_array_equal(still.shift, 0)
    nowhere = there.then(back)
    np.testing.assert_allclose(nowhere.matrix, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(nowhere.shift, 0, atol=1e-9)
    moved = np.abs(there.matrix - np.eye(2)).max() + np.abs(there.shift).max()
    assert moved > 0.1


def test_operations_are_drawn_uniformly_in_the_number_asked_for(monkeypatch):
    drawn: Counter[str] = Counter()
    strengths = set()

    def note(name):
        def operation(*given, **named):
            drawn[name] += 1
            strengths.add([*given, *named.values()][-1])

        return operation

    monkeypatch.setattr(module, "MOTIONS", {name: note(name) for name in MOTIONS})
    monkeypatch.setattr(
        module, "RECOLOURINGS", {name: note(name) for name in RECOLOURINGS}
    )
    augment = Augment(randaugment=2, magnitude=5.0)
    for number in range(2000):
        motions, recolourings = choose_operations(augment, KeyedRandom(str(number)))
        assert len(motions) + len(recolourings) == 2
        for recolouring in recolourings:
            recolouring(IMAGE)
    assert set(drawn) == set(OPERATIONS)
    assert min(drawn.values()) > 0.7 * 4000 / 14
    assert strengths == {0.5, -0.5}


def test_the_chosen_colour_operations_differ():
    # Bound late, all would be the last one.
    augment = Augment(randaugment=3, magnitude=9.0)
    for number in range(60):
        _, recolourings = choose_operations(augment, KeyedRandom(str(number)))
        seen = {np.asarray(recolour(IMAGE)).tobytes() for recolour in recolourings}
        if len(seen) > 1:
            return
    pytest.fail("all operations of every view are the same")


def test_without_randaugment_no_operations_are_drawn():
    assert choose_operations(Augment(magnitude=10.0), KeyedRandom("a")) == ([], [])
