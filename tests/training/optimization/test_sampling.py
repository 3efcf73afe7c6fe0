import numpy as np

from cnnxfer.training.optimization.sampling import epoch_order

CLASSES = np.repeat([0, 1, 2], [70, 25, 5])
LABELS = [(label,) for label in CLASSES.tolist()]


def test_natural_order_has_each_image_once_in_another_order_each_epoch() -> None:
    first, second = (epoch_order(LABELS, 7, epoch, "natural") for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(100))
    assert not np.array_equal(first, second)


def test_balanced_order_has_as_many_images_of_every_class() -> None:
    order = epoch_order(LABELS, 7, 0, "balanced")
    assert len(order) == 100
    assert sorted(np.bincount(CLASSES[order])) == [33, 33, 34]
    times = np.bincount(order, minlength=100)
    assert times[:70].max() == 1  # of a common class, no image comes twice
    assert set(times[70:95]) == {1, 2}
    assert set(times[95:]) <= {6, 7}
    # Mixed, not class after class.
    assert len(set(CLASSES[order][:12])) == 3


def test_every_image_is_drawn_after_some_epochs() -> None:
    seen = [epoch_order(LABELS, 7, epoch, "balanced") for epoch in range(20)]
    assert set(np.concatenate(seen)) == set(range(100))


def test_seed_and_epoch_determine_the_order() -> None:
    order = epoch_order(LABELS, 7, 3, "balanced")
    np.testing.assert_array_equal(order, epoch_order(LABELS, 7, 3, "balanced"))
    for seed, epoch in ((8, 3), (7, 4)):
        other = epoch_order(LABELS, seed, epoch, "balanced")
        assert not np.array_equal(order, other)


def test_images_with_several_labels_and_none_are_balanced_too() -> None:
    # 80 with the first, 10 of these with the second, 4 with the third alone, 16 bare.
    labels = [(0, 1)] * 10 + [(0,)] * 70 + [(2,)] * 4 + [()] * 16
    order = epoch_order(labels, 0, 0, "balanced")
    assert len(order) == 100
    drawn = [labels[image] for image in order]
    assert drawn.count((2,)) == drawn.count(()) == 25
    assert drawn.count((0, 1)) >= 25
