"""Tests that keyed random numbers are repeatable, independent and uniform."""

import numpy as np
import pytest

from cnnxfer.data.augmentation.keyed_random import KeyedRandom


def test_the_numbers_of_a_key_never_change():
    # Drawn once and written down: others would make every kept feature stale.
    found = KeyedRandom(f"42 3 {0:064x}").uniform(count=3)
    assert found == (0.7507570350790793, 0.10917154803485829, found[2])
    assert found[2] < 0.5
    assert KeyedRandom("a").generator("b").random() == 0.49311627244260625


def test_each_key_and_purpose_has_different_numbers():
    drawn = {KeyedRandom(key).uniform(name) for key in "ab" for name in ("", "x", "y")}
    assert len(drawn) == 6
    assert KeyedRandom("a").uniform("x", 5)[:2] == KeyedRandom("a").uniform("x", 2)
    streams = [
        KeyedRandom(key).generator(name).random() for key in "ab" for name in "xy"
    ]
    assert len(set(streams)) == 4


def test_numbers_are_uniform_and_independent():
    drawn = np.array([KeyedRandom(str(key)).uniform("x", 5) for key in range(4000)])
    assert 0 <= drawn.min() < 0.001
    assert 0.999 < drawn.max() < 1
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(drawn.T) - np.eye(5)).max() < 0.06


def test_within_draws_between_both_bounds():
    drawn = [KeyedRandom(str(key)).within(7, "x") for key in range(1000)]
    assert -7 <= min(drawn) < -6.9
    assert 6.9 < max(drawn) < 7
    assert KeyedRandom("a").within(0, "x") == 0


def test_only_as_many_numbers_as_a_digest_holds_can_be_drawn():
    with pytest.raises(AssertionError):
        KeyedRandom("a").uniform("x", 6)
