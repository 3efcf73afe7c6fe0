"""Tasks whose answers have a place: what they learn, find, decide and compare."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from cnnxfer.config import Config, defaults_of, override
from cnnxfer.data.annotation import Annotation
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.data.views.views import CentralViews
from cnnxfer.engines.agreement import BOUNDS
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.networks.classifier import answers_of
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.boxes.iou import iou
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.task import ANSWER

SIZE = 64  # of the views, in pixels
NAMES = ("cat", "dog")
VIEWS = CentralViews(1.0, "letterbox")
# Twice as wide as high: a letterbox has grey above and below it.
WIDTH, HEIGHT = 256, 128
BOX = (64.0, 32.0, 192.0, 112.0)
DENSE = pytest.mark.parametrize("name", ["localization", "detection", "segmentation"])
EACH_HEAD = pytest.mark.parametrize(
    ("name", "kind"),
    [
        (task.name, kind)
        for task in TASKS
        if task.follows_views
        for kind in task.heads  # type: ignore[attr-defined]
    ],
)


class Halves:
    """A mask of the first class on the left, and of the second on the right."""

    name = "halves"

    def read(self, width: int, height: int) -> np.ndarray:
        mask = np.zeros((height, width), np.uint8)
        mask[:, width // 2 :] = 1
        return mask


def example(name: str) -> Example:
    annotation: Annotation = Objects((LabelledBox(1, BOX),), WIDTH, HEIGHT)
    if name == "segmentation":
        annotation = ClassMask(Halves(), {0: 0, 1: 1}, (0, 1), WIDTH, HEIGHT)
    return Example("a", annotation, None, Path("a"))


def config_of(name: str, **settings: object) -> Config:
    return override(defaults_of(name), {"image_size": SIZE, **settings})


def maps(strides: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(SIZE // stride, SIZE // stride, 8) for stride in strides]


@EACH_HEAD
def test_a_head_learns_its_targets_and_the_saved_model_answers_them(
    name: str, kind: str
) -> None:
    """A few steps on random maps find what the view shows, and lead back to the image.

    The textbook's box on pooled features is learned too: there is only one image.
    """
    task, config = TASKS.get(name), config_of(name, head=kind)
    task.check_settings(config)
    shapes = maps(task.strides(kind))
    keras.utils.set_random_seed(1)
    layers = task.head_layers(kind, shapes, len(NAMES), 0.0, SIZE)
    head, answers = layers[0], layers[1:]
    assert [layer.name for layer in answers] == ([ANSWER] if answers else [])
    images = [example(name)]
    targets = task.targets(images, len(NAMES), VIEWS, SIZE)
    objective = task.objective(
        config, shapes, NAMES, images, label_smoothing=0.0, reporter=Reporter()
    )
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(1, *shape)).astype(np.float32) for shape in shapes]
    before = objective.score(ops.convert_to_numpy(head(inputs)), targets, 0)
    head.compile(keras.optimizers.Adam(0.01), objective.loss)
    for _ in range(150):
        head.train_on_batch(inputs, targets)
    logits = ops.convert_to_numpy(head(inputs))
    after = objective.score(logits, targets, 1)
    assert after.beats(before)
    assert after.loss < objective.chance_loss(targets)
    assert after.value > 0.85
    assert ops.convert_to_numpy(objective.accuracy(targets, logits)) > 0.9

    classifier = keras.Sequential([keras.layers.Identity(), *answers])
    outputs = answers_of(classifier, logits)
    assert outputs.shape[1:] == task.output_shape(len(NAMES), SIZE)
    place = VIEWS.of(images[0]).geometry(WIDTH, HEIGHT, SIZE)
    found = task.combined(task.probabilities(outputs), [place], WIDTH, HEIGHT)
    decision = task.decision(NAMES, after.thresholds)
    answer = decision.answer(found, [(each, each) for each in NAMES], 1, None)
    figures, right = decision.measure(NAMES, [found], images)
    assert right.all()
    assert figures.headline[1].value > 0.85
    if name == "segmentation":
        assert found.shape == (HEIGHT, WIDTH)
        assert answer.labels in (NAMES, NAMES[::-1])
    else:
        assert answer.labels == ("dog",)
        assert iou(np.array(answer.objects[0].box), np.array(BOX)) > 0.85
    assert decision.settings["task"] == name
    again = decision.read(answer.record(), None)
    assert again.record() == answer.record()


@DENSE
def test_engines_agree_up_to_the_bound(name: str) -> None:
    task, bounds = TASKS.get(name), BOUNDS["bfloat16"]
    reference = np.zeros((4, *task.output_shape(len(NAMES), SIZE)), np.float32)
    if name == "localization":
        reference[..., 0], reference[..., -4:] = 1, [0.2, 0.2, 0.8, 0.8]
    elif name == "detection":
        reference[:, 0] = [10, 10, 50, 50, 0.9, 1]
    else:
        reference[..., 1] = 1
    close, far = reference.copy(), reference.copy()
    if name == "localization":
        close[0, -1], far[..., -1] = 0.82, 0.9
    elif name == "detection":
        close[0, 0, 2], far[:, 0, 5] = 51, 0
    else:
        close[0, :2, :2], far[:, :32] = [1, 0], [1, 0]
    assert task.agreement(reference, reference, BOUNDS["float32"]).passed
    assert task.agreement(close, reference, bounds).passed
    assert not task.agreement(far, reference, bounds).passed


def test_an_object_that_a_view_does_not_show_teaches_nothing() -> None:
    task = TASKS.get("localization")
    objects = Objects((LabelledBox(0, (0, 0, 20, 20)),), WIDTH, HEIGHT)
    seen = Example("a", objects, None, Path("a"))
    targets = task.targets([seen], 2, CentralViews(0.5), SIZE)
    assert not targets[:, :-4].any()
    shown = task.targets([seen], 2, VIEWS, SIZE)
    assert shown[0].tolist() == [1, 0, 0, 0.25, 0.078125, 0.328125, 0, 0.25, 1, 0.75]


def test_of_too_many_objects_the_largest_are_learned() -> None:
    boxes = [LabelledBox(0, (i, 0, i + 1 + i / 10, 20)) for i in range(130)]
    crowd = LabelledBox(1, (0, 0, 200, 100), crowd=True)
    objects = Objects((*boxes, crowd), WIDTH, HEIGHT)
    rows = TASKS.get("detection").targets(
        [Example("a", objects, None, Path("a"))], 2, CentralViews(1.0, "stretch"), 256
    )[0]
    assert rows.shape == (101, 5)
    assert rows[100].tolist() == [-3, 0, 0, 256, 256]
    rows = rows[:100]
    assert rows[0].tolist() == [-2, 0, 0, 200, 200]
    assert (np.diff(rows[1:, 3] - rows[1:, 1]) <= 1e-4).all()
    assert set(rows[:, 0]) == {0, -2}


def test_masks_are_not_learned_of_a_part_of_an_image() -> None:
    with pytest.raises(ConfigError, match="fit='crop' does not show all of an image"):
        TASKS.get("segmentation").check_settings(config_of("segmentation", fit="crop"))
    TASKS.get("detection").check_settings(config_of("detection", fit="crop"))


def test_an_engine_that_finds_nothing_agrees_by_its_scores_alone() -> None:
    task, bounds = TASKS.get("detection"), BOUNDS["bfloat16"]
    reference = np.zeros((2, *task.output_shape(2, SIZE)), np.float32)
    assert task.agreement(reference, reference, bounds).passed
    unsure = reference.copy()
    unsure[0, 0] = [0, 0, 9, 9, 0.29, 1]  # below what counts as found
    assert not task.agreement(reference, unsure, bounds).passed


def test_a_crowd_is_no_second_object_for_one_box() -> None:
    crowd = LabelledBox(0, (0, 0, 9, 9), crowd=True)
    both = Objects((crowd, LabelledBox(1, BOX)), WIDTH, HEIGHT)
    image = Example("a", both, None, Path("a"))
    task = TASKS.get("localization")
    dataset = Dataset("photos", NAMES, (image,), task="localization")
    (taken,) = task.taken(dataset, "photos").examples
    assert taken.annotation == Objects((LabelledBox(1, BOX),), WIDTH, HEIGHT)
    assert task.targets([taken], 2, VIEWS, SIZE)[0, :2].tolist() == [0, 1]
    alone = replace(image, annotation=Objects((crowd,), WIDTH, HEIGHT))
    with pytest.raises(DataError, match="needs one box in every image, and a of"):
        task.taken(replace(dataset, examples=(alone,), task="detection"), "photos")


@DENSE
def test_settings_that_do_not_suit_are_refused(name: str) -> None:
    task = TASKS.get(name)
    for settings, text in (
        ({"head": "mlp"}, "head='mlp' is not for"),
        ({"recipe": "best"}, "recipe='best' is for classes"),
        ({"loss": "focal"}, "loss='focal' is for classes"),
        ({"monitor": "macro-f1"}, "monitor='macro-f1' is for classes"),
        ({"augment": {"mixup": 0.2}}, "mixup"),
        ({"fine_tune": {"label_smoothing": 0.1}}, "label_smoothing=0.1 is for one"),
    ):
        with pytest.raises(ConfigError, match=text):
            task.check_settings(config_of(name, **settings))
    weighted = config_of(name, class_weights="auto")
    if name == "segmentation":
        task.check_settings(weighted)
    else:
        with pytest.raises(ConfigError, match="class_weights='auto' is for classes"):
            task.check_settings(weighted)


def test_one_box_is_not_learned_where_an_image_has_two() -> None:
    two = Objects((LabelledBox(0, BOX), LabelledBox(0, BOX)), WIDTH, HEIGHT)
    images = (example("detection"), Example("b", two, None, Path("b")))
    dataset = Dataset("photos", NAMES, images, task="detection")
    with pytest.raises(DataError) as caught:
        TASKS.get("localization").taken(dataset, "photos")
    assert str(caught.value) == (
        "localization needs one box in every image, and b of photos has 2 objects. Use "
        "task='detection', or leave it out."
    )
    assert TASKS.get("detection").taken(dataset, "photos") is dataset


def test_an_engine_may_move_an_edge_by_a_pixel_and_a_head_by_more() -> None:
    task = TASKS.get("detection")
    reference = np.zeros((1, *task.output_shape(2, SIZE)), np.float32)
    reference[0, 0] = [10, 10, 50, 50, 0.9, 1]
    for moved, in_bfloat16 in ((0.9, True), (1.5, False)):
        answers = reference.copy()
        answers[0, 0, 2] += moved
        verdict = task.agreement(answers, reference, BOUNDS["bfloat16"])
        assert verdict.passed is in_bfloat16
        assert "edges within 1 pixels" in verdict.figures
        assert task.agreement(answers, reference, BOUNDS["head"]).passed
