"""Where settings come from is told by the layers that they are put together from."""

import re
from pathlib import Path
from typing import Any

import pytest

from cnnxfer import api
from cnnxfer.config import Config, load_config
from cnnxfer.config.commented import commented_toml
from cnnxfer.config.loading import load_task_config
from cnnxfer.config.origins import named_values, origins_of


def test_a_file_of_all_settings_has_the_defaults(tmp_path: Path) -> None:
    path, text = tmp_path / "all.toml", commented_toml()
    path.write_text(text)
    assert load_config(path) == Config()
    assert '"fast"' in text
    assert max(map(len, text.splitlines())) <= 88
    path.write_text(re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE))
    assert load_config(path) == Config()
    named = origins_of(path, {}, "auto", "frozen")
    assert [name for name in named if named[name].source != "file"] == []


def test_one_setting_of_that_file_changes_what_follows_from_it(tmp_path: Path) -> None:
    """A level brings its amounts, and an optimizer its rate, where none is given."""
    path, text = tmp_path / "all.toml", commented_toml()
    text = text.replace('#level = "light"', 'level = "strong"')
    before, table, tuned = text.partition("[fine_tune]")
    path.write_text(
        before + table + tuned.replace('#optimizer = "adamw"', 'optimizer = "sgd"')
    )
    config = load_config(path)
    assert config.augment.area == 0.35
    assert config.fine_tune.learning_rate == 0.01


def test_each_place_comes_before_those_below(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        "recipe = 'textbook'\nhead = 'fcn8'\nseed = 3\nviews = 2\n"
        "[augment]\nlevel = 'strong'\nhue = 5\n[fine_tune]\noptimizer = 'sgd'\n"
    )
    settings = api.train_settings(
        config=path, task="segmentation", seed=4, lr=0.1, batch=None
    )
    found = {it.name: (it.value, it.origin.text) for it in settings}
    assert (
        found.items()
        >= {
            "data": ("cnnxfer:sample", "default"),
            "task": ("segmentation", "--task"),
            "fit": ("letterbox", "task segmentation"),
            "batch_size": (32, "recipe textbook"),
            "image_size": (224, "recipe textbook"),
            "recipe": ("textbook", f"file {path}"),
            "head": ("fcn8", f"file {path}"),
            "seed": (4, "--seed"),
            "augment.hue": (5.0, f"file {path}"),
            "augment.area": (0.35, f"file {path}"),
            "frozen.learning_rate": (0.1, "--lr"),
            "frozen.epochs": (5, "recipe textbook"),
            "frozen.patience": ("none", "task segmentation"),
            "fine_tune.learning_rate": (0.01, f"file {path}"),
            "fine_tune.label_smoothing": (0.0, "recipe textbook"),
            "fine_tune.gradual": (1, "default"),
        }.items()
    )
    assert not any(name.startswith("scratch.") for name in found)


def test_a_recipe_of_an_option_comes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("recipe = 'textbook'\nviews = 2\ndropout = 0.5\n")
    found = {it.name: it for it in api.train_settings(config=path, recipe="fast")}
    assert (found["views"].value, found["views"].origin.text) == (4, "recipe fast")
    assert found["dropout"].origin.text == f"file {path}"
    assert found["recipe"].origin.text == "--recipe"
    found = {it.name: it for it in api.train_settings(config=path, recipe="none")}
    assert found["batch_size"].origin.text == "default"
    assert (found["views"].value, found["views"].origin.text) == (2, f"file {path}")


def test_options_of_the_first_phase_belong_to_the_one_that_is_run() -> None:
    found = {it.name: it for it in api.train_settings(from_scratch=True, epochs=7)}
    assert found["scratch.epochs"].value == 7
    assert found["scratch.epochs"].origin.text == "--epochs"
    assert found["scratch.patience"].origin.source == "default"
    assert not any(name.startswith("frozen.") for name in found)


def test_what_follows_from_another_setting_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("seed = 3")
    settings = api.train_settings(config=path, backbone="lenet5", from_scratch=True)
    found = {it.name: (it.value, it.origin.text) for it in settings}
    assert found["image_size"] == (32, "follows from backbone")
    assert found["weights"] == ("none", "follows from from_scratch")
    assert found["recipe"] == ("none", "default")
    given = api.train_settings(image_size=96, weights="none", from_scratch=True)
    found = {it.name: (it.value, it.origin.text) for it in given}
    assert found["image_size"] == (96, "--image-size")
    assert found["weights"] == ("none", "--weights")


OPTIONS: list[dict[str, Any]] = [
    {},
    {"recipe": "fast"},
    {"recipe": "none", "augment": {"level": "none"}},
    {"recipe": "best", "augment": "cifar", "frozen": {"epochs": 2}},
]


@pytest.mark.parametrize("task", ["auto", "detection", "localization"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("recipe", ["none", "textbook"])
def test_what_is_called_a_default_is_one(
    tmp_path: Path, task: str, options: dict[str, Any], recipe: str
) -> None:
    path = tmp_path / "x.toml"
    path.write_text(f"recipe = '{recipe}'\nseed = 3\n[augment]\nlevel = 'strong'\n")
    values = dict(named_values(load_task_config(path, options, task)))
    default = dict(named_values(Config()))
    origins = origins_of(path, options, task, "frozen")
    assert origins.keys() == values.keys()
    for name, origin in origins.items():
        assert values[name] == default[name] or origin.source != "default"
