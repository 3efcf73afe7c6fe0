"""Tests that MixUp and CutMix mix labels in the shares of the pixels."""

import numpy as np
import pytest

from cnnxfer.config import Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.mixing import cut_mix, mix, mix_up

BATCH, SIZE = 16, 20
# The images are of one colour each, which tells where a pixel comes from.
PIXELS = np.empty((BATCH, SIZE, SIZE, 3), np.uint8)
PIXELS[:] = (10 * np.arange(BATCH) + 20)[:, None, None, None]
TARGETS = np.eye(BATCH, dtype=np.float32)


def test_neutral_values_change_nothing():
    pixels, targets = mix(PIXELS, TARGETS, Augment(), KeyedRandom("a"))
    assert pixels is PIXELS
    assert targets is TARGETS


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_targets_are_shares_of_pixels(kind):
    before = PIXELS.copy()
    mixed = 0
    for step in range(20):
        random = KeyedRandom(str(step))
        pixels, targets = mix(PIXELS, TARGETS, Augment(**{kind: 1.0}), random)
        assert pixels.dtype == np.uint8
        assert targets.dtype == np.float32
        np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
        assert ((targets > 0).sum(axis=1) <= 2).all()
        colours = PIXELS[:, 0, 0, 0].astype(float)
        if kind == "mixup":
            expected = targets @ colours
            assert (pixels == pixels[:, :1, :1]).all()  # mixed everywhere
            np.testing.assert_allclose(pixels[:, 0, 0, 0], expected, atol=0.51)
        else:
            found = (pixels[..., :1] == colours).mean(axis=(1, 2))
            np.testing.assert_allclose(targets, found, atol=1e-6)
        mixed += ((targets > 0.05) & (targets < 0.95)).any(axis=1).sum()
    assert mixed > 20 * BATCH / 2
    np.testing.assert_array_equal(PIXELS, before)


def test_cutmix_pastes_a_rectangle_from_the_same_position():
    shares, random = np.full(BATCH, 0.5), np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    others = np.stack([rows, columns, 0 * rows], axis=-1).astype(np.uint8)
    others = np.broadcast_to(others, PIXELS.shape)
    white = np.full_like(PIXELS, 255)
    mixed, kept = cut_mix(white, others, shares, random)
    for image, share in zip(mixed, kept, strict=True):
        cut = image[..., 2] == 0
        assert 1 - cut.mean() == pytest.approx(share)
        across, down = np.flatnonzero(cut.any(axis=0)), np.flatnonzero(cut.any(axis=1))
        assert cut[np.ix_(down, across)].all()
        np.testing.assert_array_equal(image[cut], others[0][cut])
    assert kept.min() == pytest.approx(0.5, abs=0.03)
    assert kept.max() > 0.6  # some was cut off at the edge


def test_mixup_with_a_share_of_0_or_1_returns_one_image_exactly():
    black, white = np.zeros_like(PIXELS), np.full_like(PIXELS, 255)
    for share, expected in ((0.0, white), (1.0, black)):
        mixed, kept = mix_up(black, white, np.full(BATCH, share))
        np.testing.assert_array_equal(mixed, expected)
        np.testing.assert_array_equal(kept, share)


def test_multi_label_targets_are_mixed():
    several = np.tile(np.float32([1, 1, 0]), (BATCH, 1))
    several[::2] = [0, 0, 1]
    _, targets = mix(PIXELS, several, Augment(mixup=1.0), KeyedRandom("a"))
    np.testing.assert_allclose(targets[:, 0], 1 - targets[:, 2], atol=1e-6)
    np.testing.assert_array_equal(targets[:, 0], targets[:, 1])


def test_with_both_settings_half_of_the_batches_get_cutmix():
    augment = Augment(mixup=1.0, cutmix=1.0)
    cut = [
        (mix(PIXELS, TARGETS, augment, KeyedRandom(str(step)))[0] % 10 == 0).all()
        for step in range(200)
    ]
    assert 0.4 < np.mean(cut) < 0.6


def test_a_small_alpha_mixes_little():
    def largest_share(alpha: float) -> float:
        keys = [KeyedRandom(str(step)) for step in range(20)]
        mixed = [mix(PIXELS, TARGETS, Augment(mixup=alpha), key)[1] for key in keys]
        return float(np.mean([targets.max(axis=1) for targets in mixed]))

    less, more = largest_share(0.1), largest_share(5.0)
    assert less > 0.9
    assert more < 0.75


def test_the_key_determines_the_mix():
    augment = Augment(mixup=1.0)
    one, again, other = (
        mix(PIXELS, TARGETS, augment, KeyedRandom(key))[0] for key in "aab"
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
