import numpy as np
import pytest
from detections import CLASSES, random_detections

from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.tasks.boxes.average_precision import average_precisions
from cnnxfer.tasks.boxes.coco import coco_figures
from cnnxfer.tasks.boxes.matches import LIMITS, Matches, Truth, match
from cnnxfer.tasks.per_class import row_means

CAT, DOG = 0, 1
SQUARE = (0.0, 0.0, 100.0, 100.0)
# How much of the square each of these covers is its overlap.
HALF, MOST = (0.0, 0.0, 100.0, 50.0), (0.0, 0.0, 100.0, 90.0)


def shown(*items: LabelledBox) -> Truth:
    return Truth.of_objects(Objects(items))


def matched(rows: list[list[float]], *items: LabelledBox) -> Matches:
    answers = np.array(rows, np.float32).reshape(-1, 6)
    return match([answers], [shown(*items)], 2)


def test_the_surest_answer_takes_an_object_and_later_ones_are_wrong() -> None:
    square = LabelledBox(CAT, SQUARE)
    found = matched([[*SQUARE, 0.5, CAT], [*MOST, 0.9, CAT], [*MOST, 0.8, DOG]], square)
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.5])
    assert found.labels.tolist() == [CAT, DOG, CAT]
    assert found.objects.tolist() == [[1, 0]]
    # The surest takes it up to an overlap of 0.9, where the exact one is right as well.
    assert found.right[0].tolist() == [True] * 9 + [False]
    assert not found.right[1].any()
    assert found.right[2].tolist() == [False] * 9 + [True]
    assert not found.ignored.any()


def test_each_answer_takes_what_it_overlaps_most_of_the_rest() -> None:
    items = LabelledBox(CAT, MOST), LabelledBox(CAT, SQUARE)
    found = matched([[*SQUARE, 0.9, CAT], [*SQUARE, 0.8, CAT]], *items)
    assert found.right[0].all()
    assert found.right[1].sum() == 9


def test_answers_in_a_crowd_count_neither_way() -> None:
    crowd = LabelledBox(CAT, SQUARE, crowd=True)
    inside, beside = (10.0, 10.0, 20.0, 20.0), (200.0, 0.0, 210.0, 10.0)
    rows = [[*inside, 0.9, CAT], [*inside, 0.8, CAT], [*beside, 0.7, CAT]]
    found = matched([*rows, [*inside, 0.6, DOG]], crowd)
    assert found.objects.sum() == 0
    assert not found.right.any()
    assert found.ignored.all(axis=1).tolist() == [True, True, False, False]
    # An object in it is found first.
    found = matched(rows, crowd, LabelledBox(CAT, inside))
    assert found.right.all(axis=1).tolist() == [True, False, False]
    assert found.ignored.all(axis=1).tolist() == [False, True, False]


def test_rows_without_a_score_are_no_answers() -> None:
    unsure = [[*SQUARE, 0.0, CAT], [*SQUARE, np.nan, CAT]]
    assert not len(matched(unsure, LabelledBox(CAT, SQUARE)).scores)


def test_targets_of_training_say_the_same_as_objects() -> None:
    rows = np.array([[DOG, *SQUARE], [-1, 0, 0, 0, 0], [-2, *MOST]], np.float32)
    targets = Truth.of_targets(rows)
    objects = shown(LabelledBox(DOG, SQUARE), LabelledBox(CAT, MOST, crowd=True))
    np.testing.assert_array_equal(targets.boxes, objects.boxes)
    np.testing.assert_array_equal(targets.crowds, objects.crowds)
    answer = np.array([[*HALF, 0.5, CAT], [*HALF, 0.4, DOG]], np.float32)
    found = match([answer], [targets], 2)
    assert found.objects.tolist() == [[0, 1]]
    assert found.ignored[0].all()  # the class of a crowd is not known
    assert found.right[1, 0]


@pytest.mark.parametrize("seed", range(12))
def test_average_precisions_are_those_of_coco(seed: int) -> None:
    """With crowds, empty images, ties, and classes without objects or answers."""
    images = (1, 4, 15)[seed % 3]
    answers, truths = random_detections(seed, images, ties=seed % 2 == 0)
    figures = coco_figures(answers, truths, CLASSES)
    found = average_precisions(match(answers, truths, CLASSES))
    columns = [found, found[..., :1], found[..., 5:6]]
    expected = np.array([figures.ap, figures.ap50, figures.ap75], float)
    np.testing.assert_allclose(np.concatenate(list(map(row_means, columns))), expected)
    np.testing.assert_allclose(found[0].mean(axis=1), np.array(figures.class_ap, float))
    np.testing.assert_allclose(found[0, :, 0], np.array(figures.class_ap50, float))


def test_images_that_count_twice_are_there_twice() -> None:
    answers, truths = random_detections(5, 9)
    matches = match(answers, truths, CLASSES)
    draw = np.random.default_rng(0)
    times = draw.multinomial(9, np.full(9, 1 / 9), size=20).astype(np.int32)
    found = average_precisions(matches, times)
    for row, result in zip(times, found, strict=True):
        drawn = np.repeat(np.arange(9), row)
        again = match([answers[i] for i in drawn], [truths[i] for i in drawn], CLASSES)
        np.testing.assert_allclose(average_precisions(again)[0], result)


def test_the_order_of_images_does_not_matter() -> None:
    answers, truths = random_detections(2, 15)
    order = np.random.default_rng(0).permutation(15)
    turned = match([answers[i] for i in order], [truths[i] for i in order], CLASSES)
    np.testing.assert_array_equal(
        average_precisions(match(answers, truths, CLASSES)), average_precisions(turned)
    )


def test_perfect_answers_have_a_precision_of_1() -> None:
    _, truths = random_detections(3, 15)
    answers = [
        np.column_stack([truth.boxes, np.linspace(0.5, 1, len(labels)), labels])
        for truth in truths
        for labels in [truth.labels]
    ]
    assert (average_precisions(match(answers, truths, CLASSES)) == 1).all()
    assert coco_figures(answers, truths, CLASSES).ap == 1


def test_limits_are_those_of_coco() -> None:
    from faster_coco_eval.core.cocoeval import Params

    np.testing.assert_array_equal(LIMITS, Params(iouType="bbox").iouThrs)


@pytest.mark.parametrize("truth", [shown(), shown(LabelledBox(CAT, SQUARE))])
def test_figures_without_answers(
    truth: Truth, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = 0.0 if len(truth.labels) else None
    for images in ([], [np.empty((0, 6), np.float32)] * 2):
        if images:
            figures = coco_figures(images, [truth] * 2, 2)
            assert (figures.ap, figures.class_ap) == (expected, (expected, None))
        found = match(images, [truth] * len(images), 2)
        assert found.objects.shape == (len(images), 2)
        assert found.right.shape == (0, 10)
    assert capfd.readouterr() == ("", "")
