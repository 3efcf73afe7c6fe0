import numpy as np

from cnnxfer.engines.variants import variants


def test_the_images_come_first_followed_by_their_variants(photos: np.ndarray) -> None:
    made = variants(photos[:3], 32)
    assert (made.shape, made.dtype) == ((32, *photos.shape[1:]), np.uint8)
    np.testing.assert_array_equal(made[:3], photos[:3])
    assert len({picture.tobytes() for picture in made}) == 32
    colours = photos[:3].mean(axis=(1, 2))
    for number, picture in enumerate(made):
        # A crop's mean strays from its picture's, but stays among its colours.
        assert np.abs(picture.mean(axis=(0, 1)) - colours[number % 3]).max() < 110


def test_variants_are_repeatable(photos: np.ndarray) -> None:
    np.testing.assert_array_equal(variants(photos[:2], 9), variants(photos[:2], 9))


def test_enough_images_are_returned_unchanged(photos: np.ndarray) -> None:
    np.testing.assert_array_equal(variants(photos, len(photos)), photos)
    np.testing.assert_array_equal(variants(photos, 5), photos[:5])


def test_variants_are_crops_with_flips_and_other_brightness() -> None:
    """An image that becomes brighter from left to right shows each change."""
    slope = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None], (64, 64, 3))
    made = variants(slope[None], 200)[1:, 32, :, 0].astype(float)
    rise = made[:, -1] - made[:, 0]
    assert 50 < (rise < 0).sum() < 150  # mirrored
    ends = made[:, [0, -1]].mean(axis=1)
    assert ends.min() < 20
    assert ends.max() > 45
    width = np.abs(rise) / 63
    assert width.min() < 0.4
    assert width.max() > 0.95


def test_variants_of_bright_images_stay_bright() -> None:
    white = np.full((1, 8, 8, 3), 250, np.uint8)
    assert variants(white, 64).min() >= 0.6 * 250 - 1
    assert variants(white, 64).max() == 255
