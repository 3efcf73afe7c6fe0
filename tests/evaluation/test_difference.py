from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cnnxfer.config import Config, override
from cnnxfer.errors import RunError
from cnnxfer.evaluation.difference import (
    Change,
    DataDifference,
    ResultDifference,
    difference_of,
)
from cnnxfer.runs import Run, SplitRow
from cnnxfer.tasks.significance import (
    Accuracy,
    difference_interval,
    wilson_interval,
)

Make = Callable[..., Run]
ROWS = [
    SplitRow("a.jpg", "daisy", "train", "00"),
    SplitRow("b.jpg", "rose", "validation", "01"),
    SplitRow("c.jpg", "rose", "test", "02"),
]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Returns a function that makes a run from a name and entries of the receipt."""

    def make(name: str, **receipt: object) -> Run:
        run = Run(tmp_path / name)
        run.path.mkdir()
        run.write_config(Config())
        run.write_classes(["daisy", "rose"])
        run.write_split(ROWS)
        phase = "fine_tune" if "parent" in receipt else "frozen"
        run.update_receipt(started=name, seconds=len(name), phase=phase, **receipt)
        return run

    return make


def share(correct: int, images: int) -> dict[str, object]:
    accuracy = wilson_interval(correct, images)
    return {"value": accuracy.value, "low": accuracy.low, "high": accuracy.high}


def test_dates_and_durations_are_not_compared(make: Make) -> None:
    one, other = make("a", seed=1), make("longer", seed=2)
    difference = difference_of(one, other)
    assert not difference.any
    assert difference.settings == difference.training == difference.origin == ()
    assert difference.data == DataDifference((3, 3), 0, 0, 0, 0, (), ())
    assert [result.one for result in difference.results] == [None, None]


def test_settings_are_compared_by_dotted_names(make: Make) -> None:
    one, other = make("a"), make("b", parent="a")
    config = override(Config(), {"seed": 7, "fine_tune": {"epochs": 1}})
    other.write_config(config)
    difference = difference_of(one, other)
    assert difference.any
    assert set(difference.settings) == {
        Change("phase", "frozen", "fine_tune"),
        Change("parent", None, "a"),
        Change("seed", Config().seed, 7),
        Change("fine_tune.epochs", Config().fine_tune.epochs, 1),
    }


def test_images_are_compared_by_content(make: Make) -> None:
    one, other = make("a"), make("b")
    other.write_classes(["daisy", "tulip"])
    other.write_split(
        [
            replace(ROWS[0], id="renamed.jpg"),  # which is no difference
            replace(ROWS[1], label="tulip", split="train"),
            replace(ROWS[2], label="tulip", split="train"),
            replace(ROWS[0], id="new.jpg", sha256="03"),
            replace(ROWS[0], id="copy.jpg", sha256="03"),
        ]
    )
    assert difference_of(one, other).data == DataDifference(
        images=(3, 5),
        added=2,
        removed=0,
        relabelled=2,
        moved=2,
        classes_added=("tulip",),
        classes_removed=("rose",),
    )
    assert difference_of(other, one).data.removed == 2
    assert difference_of(one, other).any


def test_names_in_two_unicode_forms_are_no_difference(make: Make) -> None:
    one, other = make("a"), make("b")
    for run, name in ((one, "ros\xe9"), (other, "rose\u0301")):
        run.write_classes(["daisy", name])
        run.write_split([ROWS[0], *(replace(row, label=name) for row in ROWS[1:])])
    assert not difference_of(one, other).any
    assert difference_of(one, other).results[1].same_images


@pytest.mark.parametrize("change", ["class", "label", "part", "image"])
def test_every_kind_of_difference_in_the_data_is_found(make: Make, change: str) -> None:
    one, other = make("a"), make("b")
    if change == "class":
        other.write_classes(["daisy", "rose", "tulip"])
    changed = {
        "class": ROWS[2],
        "label": replace(ROWS[2], label="daisy"),
        "part": replace(ROWS[2], split="train"),
        "image": replace(ROWS[2], sha256="03"),
    }
    other.write_split([*ROWS[:2], changed[change]])
    assert difference_of(one, other).any
    assert difference_of(other, one).any


def test_differences_of_results_have_a_confidence_interval(make: Make) -> None:
    one, other = make("a"), make("b")
    one.update_metrics(
        frozen={"val_accuracy": 0.8, "val_images": 200},
        test={"right": share(80, 100)},
    )
    other.update_metrics(
        frozen={"val_accuracy": 0.85, "val_images": 200},
        test={"right": share(95, 100), "top1": share(1, 100)},
    )
    validation, test = difference_of(one, other).results
    pair = wilson_interval(160, 200), wilson_interval(170, 200)
    low, high = difference_interval(*pair)
    assert validation == ResultDifference("validation", *pair, True, low, high)
    assert validation.more_than_chance is False
    assert (test.one, test.other) == (
        wilson_interval(80, 100),
        wilson_interval(95, 100),
    )
    assert test.more_than_chance is True
    assert test.gained is None
    assert difference_of(other, one).results[1].more_than_chance is True


def test_a_run_that_was_not_measured_has_no_result(make: Make) -> None:
    one, other = make("a"), make("b")
    other.update_metrics(test={"right": share(9, 10)})
    (_, test) = difference_of(one, other).results
    assert (test.one, test.other) == (None, wilson_interval(9, 10))
    assert test.low is test.high is test.more_than_chance is None
    assert difference_of(one, other).any


def test_results_on_different_images_are_marked(make: Make) -> None:
    one, other = make("a"), make("b")
    other.write_split([ROWS[0], ROWS[1], replace(ROWS[2], sha256="03")])
    validation, test = difference_of(one, other).results
    assert validation.same_images
    assert not test.same_images


def test_a_fine_tuned_run_and_its_parent_are_compared_image_by_image(
    make: Make,
) -> None:
    """Counts of changed images are compared, whichever of the runs comes first."""
    parent, tuned, stranger = make("a"), make("b", parent="a"), make("c")
    before = {"run": "a", "right": share(90, 100)}
    measured = {"right": share(96, 100), "before": before, "gained": 6, "lost": 0}
    tuned.update_metrics(validation=measured, test=measured)
    for result in difference_of(parent, tuned).results:
        assert (result.one, result.other) == (
            wilson_interval(90, 100),
            wilson_interval(96, 100),
        )
        assert (result.gained, result.lost) == (6, 0)
        assert result.low is not None
        assert result.low < 0  # chance, for all that the shares can tell
        assert result.more_than_chance is True
    (_, turned) = difference_of(tuned, parent).results
    assert (turned.gained, turned.lost) == (0, 6)
    assert turned.one == Accuracy(**measured["right"])  # type: ignore[arg-type]
    (_, test) = difference_of(stranger, tuned).results
    assert (test.one, test.gained) == (None, None)


def test_differences_of_versions_and_hardware_are_found(make: Make) -> None:
    one = make("a", cnnxfer="1", packages={"keras": "3.1", "numpy": "2"})
    other = make("b", cnnxfer="1", packages={"keras": "3.2", "numpy": "2"})
    assert difference_of(one, other).origin == (Change("packages.keras", "3.1", "3.2"),)


def test_differences_of_epochs_are_found(make: Make) -> None:
    one, other = make("a"), make("b")
    one.add_history({"phase": "frozen", "epoch": 1})
    one.update_metrics(frozen={"epoch": 1})
    assert difference_of(one, other).training == (
        Change("epochs trained", 1, 0),
        Change("best epoch", 1, None),
    )


def test_the_error_names_a_damaged_run(make: Make) -> None:
    one, other = make("a"), make("b")
    (other.path / "split.csv").unlink()
    with pytest.raises(
        RunError, match=r"b is not a complete run: it has no split\.csv"
    ):
        difference_of(one, other)
