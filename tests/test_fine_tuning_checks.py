"""What `unfreeze` and `resume` check before they change anything."""

import dataclasses
import errno
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from cnnxfer import api
from cnnxfer.config import Config, load_config
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.evaluation import before_after
from cnnxfer.runs import Run
from cnnxfer.tasks.score import Score
from cnnxfer.training.phase import Outcome
from cnnxfer.training.phases import fine_tune
from cnnxfer.training.phases.unchanged_files import require_same_class_weights
from cnnxfer.training.setup import Setup


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes fine-tuning end before its first update, with the parent's model."""
    score = Score({"accuracy": 0.75}, loss=0.5, epoch=0)

    def train(setup: Setup, run: Run) -> Outcome:
        assert run.parent
        run.copy_model(run.parent)
        return Outcome(score, score)

    monkeypatch.setattr(fine_tune, "train", train)
    monkeypatch.setattr(before_after, "compare_with_parent", lambda *_: None)


def test_a_failed_start_leaves_no_run_and_does_not_advise_to_resume(
    colour_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full", "receipt.json")

    monkeypatch.setattr("cnnxfer.runs.run.write_text", raise_no_space)
    with pytest.raises(RunError, match=r"Make room, and start again\.$"):
        api.unfreeze(colour_run)
    with pytest.raises(RunError, match=r"Make room, and start again\.$"):
        api.train(colour_run.config.data, runs_dir=colour_run.path.parent)
    assert list(colour_run.path.parent.iterdir()) == [colour_run.path]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float16"}, "precision='float16' needs a GPU"),
        ({"gradual": 9, "epochs": 8}, "gradual is 9, but epochs is 8"),
        ({"last": "30%", "start": "conv"}, "last='30%' and start='conv' cannot be"),
    ],
)
def test_invalid_settings_create_no_run(
    colour_run: Run, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        api.unfreeze(colour_run, **options)
    assert list(colour_run.path.parent.iterdir()) == [colour_run.path]


def test_an_invalid_cache_limit_creates_no_run(
    colour_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", "lots")
    with pytest.raises(ConfigError, match="CNNXFER_CACHE_LIMIT"):
        api.unfreeze(colour_run)
    assert list(colour_run.path.parent.iterdir()) == [colour_run.path]


def test_a_run_that_is_being_trained_cannot_be_fine_tuned(colour_run: Run) -> None:
    colour_run.update_receipt(status="running")
    lock = FileLock(colour_run.path / ".lock")
    with lock, pytest.raises(RunError, match="is being trained by"):
        api.unfreeze(colour_run)
    assert list(colour_run.path.parent.iterdir()) == [colour_run.path]


def test_resuming_without_the_images_changes_no_record(
    colour_run: Run, photos_dir: Path
) -> None:
    colour_run.update_metrics(test={"right": {"value": 0.5, "low": 0.4, "high": 0.6}})
    colour_run.update_receipt(status="done")
    before = colour_run.metrics, colour_run.receipt
    shutil.move(photos_dir, photos_dir.with_name("moved"))
    with pytest.raises((DataError, ConfigError)):
        api.resume(colour_run, epochs="+1")
    assert (colour_run.metrics, colour_run.receipt) == before


def test_fine_tuning_finds_images_that_moved(
    colour_run: Run, photos_dir: Path, untrained: None
) -> None:
    """The new run names the new place; its parent is left as it is."""
    before = {path: path.read_bytes() for path in colour_run.path.iterdir()}
    place = photos_dir.rename(photos_dir.with_name("moved"))
    first = colour_run.split[0]
    (place / first.id).rename(place / first.label / "renamed.jpg")
    typed = api.unfreeze(colour_run, data=place)
    assert typed.config.data == str(place)
    renamed = dataclasses.replace(first, id=f"{first.label}/renamed.jpg")
    assert typed.split == [renamed, *colour_run.split[1:]]
    path = place.with_name("mine.toml")
    path.write_text(f'data = "{place}"\n')
    assert api.unfreeze(colour_run, config=path).config == typed.config
    assert {path: path.read_bytes() for path in colour_run.path.iterdir()} == before


def test_a_run_that_is_removed_while_fine_tuning_begins_leaves_no_child(
    colour_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Run.write_config

    def write_config(child: Run, config: Config) -> None:
        written(child, config)
        colour_run.path.rename(colour_run.path.parent / "other")

    monkeypatch.setattr(Run, "write_config", write_config)
    with pytest.raises(RunError, match=f"the run {colour_run.path} is gone"):
        api.unfreeze(colour_run)
    assert [run.name for run in colour_run.path.parent.iterdir()] == ["other"]


def test_fine_tuning_goes_on_without_an_image_that_is_gone(
    colour_run: Run, photos_dir: Path, untrained: None
) -> None:
    gone, *others = colour_run.split
    (photos_dir / gone.id).unlink()
    tuned = api.unfreeze(colour_run)
    assert tuned.split == others
    receipts = tuned.receipt, colour_run.receipt
    assert receipts[0]["data_sha256"] != receipts[1].get("data_sha256")


def test_fine_tuning_that_cannot_find_the_images_leaves_no_run(
    colour_run: Run, photos_dir: Path
) -> None:
    place = photos_dir.rename(photos_dir.with_name("moved"))
    advice = (
        f"If the images of {colour_run.path} have moved: "
        f"cnnxfer.unfreeze('{colour_run.path}', data='NEW_PLACE')"
    )
    with pytest.raises(ConfigError) as caught:
        api.unfreeze(colour_run)
    assert str(caught.value).endswith(advice)
    with pytest.raises(ConfigError, match="Did you mean 'moved'") as mistyped:
        api.unfreeze(colour_run, data=place.with_name("moved2"))
    assert "If the images" not in str(mistyped.value)
    for row in colour_run.split[1:]:
        (place / row.id).unlink()
    with pytest.raises(DataError) as caught:
        api.unfreeze(colour_run, data=place)
    assert str(caught.value).endswith(advice.partition("moved: ")[2])
    assert list(colour_run.path.parent.iterdir()) == [colour_run.path]


def test_class_weights_that_are_gone_are_an_error_that_says_what_to_do(
    colour_run: Run, tmp_path: Path
) -> None:
    gone = str(tmp_path / "weights.csv")
    colour_run.write_config(dataclasses.replace(colour_run.config, class_weights=gone))
    with pytest.raises(ConfigError) as caught:
        api.unfreeze(colour_run)
    assert gone in str(caught.value)
    assert str(caught.value).endswith(
        f"{colour_run.path} was trained with it: put it back, or set class_weights in "
        "a file that config names."
    )
    with pytest.raises(ConfigError, match=r"put it back, then cnnxfer\.resume"):
        require_same_class_weights(colour_run)


def test_fine_tuning_ignores_the_views_of_the_frozen_phase(
    colour_run: Run, untrained: None
) -> None:
    colour_run.write_config(dataclasses.replace(colour_run.config, views=2))
    tuned = api.unfreeze(colour_run, augment="none")
    assert Run(tuned.path).config.augment.operations == {}


def test_the_time_budget_is_not_inherited(colour_run: Run, untrained: None) -> None:
    colour_run.write_config(dataclasses.replace(colour_run.config, time_budget=60.0))
    assert api.unfreeze(colour_run).config.time_budget == "none"
    assert api.unfreeze(colour_run, time_budget="2m").config.time_budget == 120


def test_a_recipe_replaces_the_settings_of_the_parent(
    colour_run: Run, untrained: None
) -> None:
    typed = api.unfreeze(
        colour_run, start="conv_pw_9", gradual=2, ema=0.9, layer_decay=0.5
    )
    tuned = api.unfreeze(typed, recipe="textbook")
    textbook = load_config(overrides={"recipe": "textbook"})
    assert tuned.config.fine_tune == textbook.fine_tune
    assert not tuned.config.cache
    assert tuned.config.image_size == 32


def test_the_config_of_a_fine_tuned_run_repeats_it(
    colour_run: Run, untrained: None
) -> None:
    tuned = api.unfreeze(
        colour_run, last="20%", optimizer="lion", seed=7, batch=8, epochs=2
    )
    path = tuned.path / "config.toml"
    with pytest.raises(ConfigError) as caught:
        api.train(config=path)
    assert str(caught.value).endswith(
        f"Repeat that with: cnnxfer.unfreeze('{colour_run.path}', config='{path}')"
    )
    assert api.unfreeze(colour_run, config=path).config == tuned.config


def test_a_config_with_another_network_is_refused(
    colour_run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('backbone = "resnet50"\n')
    with pytest.raises(ConfigError, match=r"backbone is 'resnet50' in .*mine\.toml"):
        api.unfreeze(colour_run, config=path)


def test_a_config_can_set_what_no_option_can(
    colour_run: Run, tmp_path: Path, untrained: None
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[fine_tune]\nschedule = "step"\nstep_epochs = 3\n')
    tuned = api.unfreeze(colour_run, config=path, epochs=9)
    assert tuned.config.fine_tune.step_epochs == 3
    assert tuned.config.fine_tune.epochs == 9


def test_fine_tuning_does_not_read_the_exclude_list(
    colour_run: Run, tmp_path: Path, untrained: None
) -> None:
    gone = str(tmp_path / "gone.txt")
    colour_run.write_config(dataclasses.replace(colour_run.config, exclude=gone))
    tuned = api.unfreeze(colour_run)
    assert tuned.parent == colour_run
    assert tuned.config.exclude == gone
