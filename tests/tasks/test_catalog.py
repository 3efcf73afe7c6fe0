"""What every task must do: a new entry is tested at once."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from cnnxfer.config import Config
from cnnxfer.config.setting import settings_in
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.views.views import CentralViews
from cnnxfer.engines.agreement import BOUNDS
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.tasks.catalog import TASKS, task_of
from cnnxfer.tasks.data import load_data
from cnnxfer.tasks.multi_label import Thresholds
from cnnxfer.tasks.task import Task

NAMES = ("a", "b", "c")
LOGITS = np.array([[3, -1, -2], [-2, 5, -1], [-1, -2, 4], [2, -1, -3]], np.float32)
LABELS = [(0,), (1,), (2,), (0,)]
EACH_TASK = pytest.mark.parametrize("task", list(TASKS), ids=lambda task: task.name)
OF_CLASSES = pytest.mark.parametrize("task", ["classification", "multi-label"])


def examples(labels: list[tuple[int, ...]]) -> list[Example]:
    return [
        Example(str(i), Labels(each), None, Path("a")) for i, each in enumerate(labels)
    ]


def test_settings_name_every_task() -> None:
    assert ("auto", *TASKS.names()) == settings_in(Config)["task"].words


@OF_CLASSES
def test_a_task_learns_and_decides(task: str) -> None:
    """Its loss, accuracy, score and decision agree about right answers."""
    of_classes(TASKS.get(task))


def of_classes(task: Task) -> None:
    targets = task.targets(examples(LABELS), len(NAMES), CentralViews(1.0), 8)
    objective = task.objective(
        Config(), [], NAMES, examples(LABELS), label_smoothing=0.0, reporter=Reporter()
    )
    right_logits, wrong = LOGITS, -LOGITS
    losses = [
        ops.convert_to_numpy(objective.loss(targets, each)).sum()
        for each in (right_logits, wrong)
    ]
    assert losses[0] < losses[1]
    assert ops.convert_to_numpy(objective.accuracy(targets, right_logits)).all()
    best, worst = (
        objective.score(each, targets, epoch=2) for each in (right_logits, wrong)
    )
    assert best.beats(worst)
    assert best.value > worst.value
    probabilities = task.probabilities(LOGITS)
    activation = ops.softmax if task.activation == "softmax" else ops.sigmoid
    expected = ops.convert_to_numpy(activation(LOGITS))
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5, atol=1e-6)
    decision = task.decision(NAMES, best.thresholds)
    found = [task.combined(each[None], [], 8, 8) for each in probabilities]
    figures, right = decision.measure(NAMES, found, examples(LABELS))
    assert right.mean() == figures.right.value == best.figures["accuracy"]
    classes = [(name, name) for name in NAMES]
    answer = decision.answer(probabilities[0], classes, 2, None)
    assert answer.labels == ("a",)
    assert decision.read(answer.record(), None).record() == answer.record()
    assert not decision.answer(probabilities[0], classes, 2, 1.0).labels
    assert decision.settings["task"] == task.name


@OF_CLASSES
@pytest.mark.parametrize("kind", ["linear", "mlp", "euclidean"])
def test_a_head_maps_features_to_what_is_scored(task: str, kind: str) -> None:
    head_maps_features(TASKS.get(task), kind)


def head_maps_features(task: Task, kind: str) -> None:
    assert not task.strides(kind)
    layers = task.head_layers(kind, [(8,)], len(NAMES), 0.1, 8)
    logits = keras.Sequential(layers)(np.zeros((len(LABELS), 8), np.float32))
    targets = task.targets(examples(LABELS), len(NAMES), CentralViews(1.0), 8)
    assert (logits.shape, logits.dtype) == (targets.shape, targets.dtype)


def test_distances_cannot_say_yes_to_several_classes() -> None:
    TASKS.get("classification").check_settings(Config(head="euclidean"))
    TASKS.get("multi-label").check_settings(Config(head="mlp"))
    with pytest.raises(ConfigError) as caught:
        TASKS.get("multi-label").check_settings(Config(head="euclidean"))
    assert str(caught.value) == (
        "head='euclidean' says which class is nearest, and images with several labels "
        "need a yes or no for each class. Use head='linear' or head='mlp'."
    )


@OF_CLASSES
@pytest.mark.parametrize("precision", BOUNDS)
def test_engines_agree_up_to_the_bound(task: str, precision: str) -> None:
    reference, bounds = np.full((32, 3), 0.2, np.float32), BOUNDS[precision]
    reference[:, 0] = 0.6
    for share, passed in ((0.0, True), (0.9, True), (1.1, False)):
        answers = reference.copy()
        answers[0, 1] += share * bounds.difference
        assert TASKS.get(task).agreement(answers, reference, bounds).passed is passed


def test_labels_are_written_and_read_back_with_other_numbers() -> None:
    """A name may hold the separator where an image has one label."""
    names, numbers = ("a", "b|c", "d"), {"d": 0, "a": 1, "b|c": 2}
    for labels in [(), (0,), (1,), (0, 2)]:
        text = Labels(labels).text(names)
        found = Labels(()).recorded(text, numbers)
        shown = Labels(labels).renumbered({0: 1, 1: 2, 2: 0})
        assert sorted(found.labels) == list(shown.labels)
    assert Labels((0, 2)).renumbered({2: 5}) == Labels((5,))
    view = Geometry.of_box((0, 0, 4, 4), 2, flip=True)
    assert Labels((0, 2)).through(view) == Labels((0, 2))


@OF_CLASSES
def test_a_task_refuses_data_without_classes(task: str) -> None:
    with pytest.raises(DataError, match=r"photos has .*; expected at least"):
        TASKS.get(task).taken(Dataset("photos", (), (), task=task), "photos")


@EACH_TASK
def test_a_task_refuses_data_of_another(task: Task) -> None:
    classes = task.name in ("classification", "multi-label")
    kind = "segmentation" if classes else "classification"
    with pytest.raises(DataError, match=f"task='{kind}', or leave it out"):
        task.taken(Dataset("photos", ("a",), (), task=kind), "photos")


def test_each_label_of_an_image_is_a_target() -> None:
    labels = [(2,), (0, 2), (), (1,)]
    targets = TASKS.get("multi-label").targets(
        examples(labels), len(NAMES), CentralViews(1.0), 8
    )
    assert targets.dtype == np.float32
    assert targets.tolist() == [[0, 0, 1], [1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_the_printed_probability_is_compared_with_the_threshold() -> None:
    decision = Thresholds(np.array([0.3, 0.7]))
    probabilities = np.array(
        [[0.3, 0.7], [0.299999, 0.699999], [0.2999996, 0.6999996]], np.float32
    )
    expected = [[True, True], [False, False], [True, True]]
    assert decision.answers(probabilities).tolist() == expected
    assert decision.answers(probabilities[0]).tolist() == [True, True]
    assert decision.answers(probabilities[0], 0.5).tolist() == [False, True]


def test_unfitted_thresholds_are_one_half() -> None:
    decision = TASKS.get("multi-label").decision(NAMES, {})
    assert decision.answers(np.array([0.5, 0.4, 0.9])).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("names", "one", "several"),
    [
        (["a", "b"], "unsure", "none"),
        (["none", "b"], "unsure", "no answer"),
        (["Unsure", "None."], "no answer", "no answer"),
        (["unsure", "none", "No answer"], "no answer 2", "no answer 2"),
    ],
)
def test_no_class_is_called_as_an_image_without_an_answer(
    names: list[str], one: str, several: str
) -> None:
    classes = [(name, name) for name in names]
    unlikely = np.full(len(names), 0.125, np.float32)
    for task, word in (("classification", one), ("multi-label", several)):
        decision = TASKS.get(task).decision(names, {})
        answer = decision.answer(unlikely, classes, 1, 0.5)
        assert answer.labels == ()
        assert answer.nothing == word
        assert decision.read(answer.record(), 0.5) == answer
        assert decision.read({}, 0.5).nothing == word


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("path,label\na.jpg,a\nb.jpg,b\n")
    (tmp_path / "a.jpg").touch()
    return path


def test_the_data_says_what_the_task_is_unless_it_is_named(table: Path) -> None:
    assert load_data(str(table), Reporter())[0].name == "classification"
    assert load_data(str(table), Reporter(), "multi-label")[0].name == "multi-label"
    table.write_text("path,label\na.jpg,a\nb.jpg,a|b\n")
    assert load_data(str(table), Reporter())[0].name == "multi-label"
    with pytest.raises(DataError, match="may have several labels, and classification"):
        load_data(str(table), Reporter(), "classification")


def test_names_with_a_separator_are_refused_where_names_are_joined() -> None:
    dataset = Dataset("t", ("a|b", "c"), ())
    TASKS.get("classification").taken(dataset, "t")
    with pytest.raises(DataError, match=r"has the class 'a\|b'; where images have"):
        TASKS.get("multi-label").taken(dataset, "t")


def test_a_run_without_a_task_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write_config(Config())
    with pytest.raises(RunError, match=r'to its config\.toml: task = "class'):
        task_of(run)
    run.write_config(Config(task="multi-label"))
    assert task_of(run).name == "multi-label"
