import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from cnnxfer.config import (
    PRESETS,
    RECIPES,
    Augment,
    Config,
    FineTune,
    Frozen,
    Phase,
    check_phases,
    check_places,
    check_views,
    load_config,
    override,
)
from cnnxfer.config.phases import USUAL_LEARNING_RATES
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import command_line


def settings_of(section: type) -> list[str]:
    return [item.name for item in dataclasses.fields(section)]


def test_toml_holds_every_setting_and_repeats_it(tmp_path: Path) -> None:
    config = override(
        Config(),
        {
            "backbone": "xception",
            "data": 'a "b"\\c\n[d]',
            "augment": {"level": "strong", "flip": False, "rotation": 10},
            "frozen": {"epochs": 3, "learning_rate": 0.1},
            "fine_tune": {"last": "50%", "nesterov": False},
        },
    )
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    assert load_config(path) == config
    sections = (Config, Augment, Frozen, FineTune)
    for name in {name for section in sections for name in settings_of(section)}:
        assert name in config.to_toml()


def test_options_override_the_file_which_overrides_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("seed = 7\nbatch_size = 8\n[frozen]\nepochs = 3\nlearning_rate = 1")
    config = load_config(path, {"seed": 9, "batch_size": None, "frozen": {"epochs": 4}})
    assert (config.seed, config.batch_size) == (9, 8)
    assert config.frozen == dataclasses.replace(
        Config().frozen, epochs=4, learning_rate=1.0
    )
    assert type(config.frozen.learning_rate) is float
    assert config.fine_tune == Config().fine_tune


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frozen": {"learning_rate": -1.0}}, "--lr is -1.0; it must be above 0, or"),
        ({"frozen": {"learning_rate": 0}}, "--lr is 0; it must be above 0, or 'au"),
        ({"limit": 0}, "--limit is 0; it must be at least 1, or 'all'."),
        ({"image_size": 0}, "--image-size is 0; it must be at least 1, or 'auto'."),
        ({"time_budget": 0}, "--time-budget is 0; it must be above 0, or 'none'."),
        ({"frozen": {"clip_norm": 0}}, "--clip-norm is 0; it must be above 0, or 'n"),
        ({"frozen": {"ema": 0}}, "--ema is 0; it must be above 0, or 'none'."),
        ({"exclude": ""}, "--exclude is ''; expected a text, or 'none'."),
        ({"frozen": {"epochs": 0}}, "--epochs is 0; it must be at least 1."),
        ({"frozen": {"learning_rate": math.inf}}, "--lr is inf; expected a number, or"),
        (
            {"fine_tune": {"weight_decay": math.nan}},
            "--weight-decay is nan; expected a",
        ),
        (
            {"fine_tune": {"warmup_epochs": math.inf}},
            "--warmup is inf; expected a numb",
        ),
        (
            {"time_budget": math.inf},
            "--time-budget is inf; expected a time such as 90s",
        ),
        ({"dropout": 10**400}, "expected a number."),
        ({"frozen": {"weight_decay": -0.5}}, "--weight-decay is -0.5; it must be at"),
        ({"frozen": {"patience": -2}}, "--patience is -2; it must be at least"),
        ({"fine_tune": {"patience": 0}}, "--patience is 0; it must be at least 1"),
        ({"seed": 2**31}, f"--seed is {2**31}; it must be at most {2**31 - 1}."),
        ({"precision": "float23"}, "--precision is 'float23'. Did you mean 'float32'?"),
        (
            {"devices": "gpu"},
            "--devices is 'gpu'. Expected one of: one, all, cpu.",
        ),
        ({"fine_tune": {"batch_norm": "x"}}, "Expected one of: frozen, train."),
        ({"dropout": 1.0}, "dropout is 1.0; it must be at most 0.9."),
        ({"data": "caf\udce9"}, r"--data is 'caf\udce9', which is not UTF-8"),
    ],
)
def test_wrong_values_are_called_by_their_option(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught, command_line():
        override(Config(), values)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bakbone = 'x'", "unknown setting 'bakbone' in FILE. Did you mean 'backbone'"),
        ("[frozen]\nlr = 1", "unknown setting 'lr' in FILE, [frozen]. "),
        (
            "epochs = 3",
            "setting 'epochs' in FILE. It belongs in [frozen], [scratch] or "
            "[fine_tune].",
        ),
        ("frozen = 3", "frozen in FILE must be a table: [frozen]."),
        ("seed = 'x'", "seed in FILE is 'x'; expected a whole number."),
        ("seed = true", "seed in FILE is True; expected a whole number."),
        ("seed = 1.0", "seed in FILE is 1.0; expected a whole number."),
        ("cache = 1", "cache in FILE is 1; expected true or false."),
        ("central_crop = 'x'", "central_crop in FILE is 'x'; expected a number."),
        ("central_crop = nan", "central_crop in FILE is nan; expected a number."),
        ("augment = 3", "augment in FILE must be a table: [augment]."),
        ("augment = 'stong'", "level in FILE, [augment] is 'stong'. Did you mean"),
        ("[augment]\ncrop = 2.0", "crop in FILE, [augment] is 2.0; it must be at"),
        ("crop = 1\n[augment]\nflip = true", "unknown setting 'crop' in FILE."),
        ("[augment]\nlevel = 'stong'", "[augment] is 'stong'. Did you mean 'strong'?"),
        ("[augment]\nrotatoin = 1", "setting 'rotatoin' in FILE, [augment]. Did you"),
        (
            "[augment]\nrotation = 181",
            "rotation in FILE, [augment] is 181; it must be at most 180.",
        ),
        ("[augment]\nmixup = -1", "mixup in FILE, [augment] is -1; it must be at le"),
        (
            "[augment]\nhue = nan",
            "hue in FILE, [augment] is nan; expected a number.",
        ),
        ("[augment]\nfill = 'x'", "Expected one of: nearest, reflect, wrap, constant."),
        (
            "[augment]\nflip = 1",
            "flip in FILE, [augment] is 1; expected true or false.",
        ),
        (
            "[augment]\narea = 0.2",
            "crop and area in FILE, [augment] cannot be combined; with the level "
            "light, set one of them to 'none'.",
        ),
        (
            "[augment]\ncrop = 'none'\nshorter_side = 256",
            "shorter_side_to in FILE, [augment] is 'none'; it must be at least "
            "shorter_side, 256.",
        ),
        ("[frozen]\nepochs = -1", "epochs in FILE, [frozen] is -1; it must be"),
        ("seed = [", "FILE is not TOML: "),
        ("recipe = 'fats'", "recipe in FILE is 'fats'. Did you mean 'fast'?"),
        ("recipe = 3", "recipe in FILE is 3. Expected one of: none, textbook"),
        ("fine_tune = 3", "fine_tune in FILE must be a table: [fine_tune]."),
        ("[fine_tune]\noptimizer = 'x'", "optimizer in FILE, [fine_tune] is 'x'."),
        ("[fine_tune]\noptimizer = []", "optimizer in FILE, [fine_tune] is []. Exp"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert message.replace("FILE", str(path)) in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: no such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"data = 'caf\xe9'")
    with pytest.raises(ConfigError, match=r"latin\.toml is not TOML"):
        load_config(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("last", "fraction"), [("30%", 0.3), ("100%", 1.0), ("0.5%", 0.005)]
)
def test_share_that_learns(last: str, fraction: float) -> None:
    assert FineTune(last=last).fraction == pytest.approx(fraction)


@pytest.mark.parametrize("last", ["30", "0%", "101%", "-5%", "x%", "nan%", ""])
def test_values_of_last_that_are_not_percentages(last: str) -> None:
    with pytest.raises(ConfigError, match=f"last is '{last}'; expected a share"):
        _ = FineTune(last=last).fraction


def test_a_level_is_a_preset_that_a_file_may_change(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[augment]\nlevel = 'strong'\nhue = 20\nflip = false")
    expected = dataclasses.replace(PRESETS["strong"], hue=20.0, flip=False)
    assert load_config(path).augment == expected
    # An option takes the place of the whole table.
    assert load_config(path, {"augment": "textbook"}).augment == PRESETS["textbook"]
    assert load_config(path, {"augment": "strong"}).augment == PRESETS["strong"]
    assert load_config(path, {"augment": None}).augment == expected
    path.write_text("[augment]\nhue = 20")
    expected = dataclasses.replace(PRESETS["light"], hue=20.0)
    assert load_config(path).augment == expected


def test_resolved_numbers_outlive_their_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    config = load_config(None, {"augment": "strong"})
    path.write_text(config.to_toml())
    monkeypatch.setitem(PRESETS, "strong", Augment("strong", rotation=7.0))
    assert load_config(path) == config


def test_presets_are_named_by_their_levels() -> None:
    assert [preset.level for preset in PRESETS.values()] == list(PRESETS)
    for level, preset in PRESETS.items():
        assert load_config(None, {"augment": level}).augment == preset
    with pytest.raises(
        ConfigError, match=r"augment is 'stong'\. Did you mean 'strong'"
    ):
        load_config(None, {"augment": "stong"})


@pytest.mark.parametrize(
    ("augment", "fit", "boxes", "found"),
    [
        ({"mixup": 0.2}, "letterbox", False, "mixup is 0.2, .* Set mixup = 0 in"),
        ({"cutmix": 1.0}, "stretch", True, "cutmix is 1.0, but .* the task X cannot"),
        (
            {"padding": 0.1},
            "stretch",
            False,
            "padding is 0.1, .* X .* Use augment='boxes', or",
        ),
        ({"zoom": 0.1}, "stretch", True, "fill is 'reflect', .* fill = \"constant\""),
    ],
)
def test_views_that_boxes_and_masks_cannot_follow_are_refused(
    augment: dict[str, Any], fit: Any, boxes: bool, found: str
) -> None:
    config = Config(augment=Augment(**augment), fit=fit)
    with pytest.raises(ConfigError, match=found):
        check_places(config, "X", boxes=boxes)


def test_views_that_boxes_and_masks_can_follow_are_allowed() -> None:
    for level in ("none", "light", "textbook", "strong", "boxes"):
        check_places(Config(augment=PRESETS[level]), "X", boxes=True)
    turned = Augment(rotation=9.0)
    check_places(Config(augment=turned, fit="letterbox"), "X", boxes=True)
    check_places(Config(augment=turned, fit="crop"), "X", boxes=False)


def test_levels_do_what_they_say() -> None:
    assert PRESETS["none"].operations == {}
    assert PRESETS["textbook"].operations == {"crop": 0.9, "flip": True}
    assert PRESETS["light"].operations == {"crop": 0.9, "flip": True}
    assert Config().augment == PRESETS["light"]
    assert PRESETS["cifar"].operations == {"padding": 0.125, "flip": True}
    assert PRESETS["digits"].operations == {"padding": 0.125}  # no digit is mirrored
    plain = [level for level, preset in PRESETS.items() if preset.is_cacheable]
    assert plain == ["none", "textbook", "light", "cifar", "digits", "boxes"]


@pytest.mark.parametrize(
    ("settings", "plain"),
    [
        ({"crop": 0.5, "flip": True}, True),
        ({"fill": "wrap", "magnitude": 9.0, "aspect": 2.0}, True),  # nothing uses these
        ({"crop": 0.5, "rotation": 1.0}, False),
        ({"vertical_flip": True}, False),
        ({"mixup": 0.1}, False),
        ({"area": 0.35, "aspect": 2.0, "flip": True}, True),
        ({"padding": 0.1, "flip": True}, True),
        ({"shorter_side": 256, "shorter_side_to": 480}, False),
    ],
)
def test_only_crop_area_padding_and_flip_are_plain(
    settings: dict[str, Any], plain: bool
) -> None:
    assert Augment(**settings).is_cacheable is plain


def test_a_file_may_name_a_level_of_augmentation(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("augment = 'strong'")
    assert load_config(path).augment == PRESETS["strong"]


def test_several_views_without_augmentation_are_refused(tmp_path: Path) -> None:
    alike = load_config(None, {"views": 4, "augment": "none"})
    with pytest.raises(ConfigError, match="views is 4, but without augmentation all"):
        check_views(alike)
    check_views(load_config(None, {"views": 4, "augment": "textbook"}))
    check_views(load_config(None, {"views": 1, "augment": "none"}))
    path = tmp_path / "config.toml"
    path.write_text("views = 2\n[augment]\nlevel = 'none'\nflip = true")
    check_views(load_config(path))
    # `load_config` itself accepts these settings.
    path.write_text(alike.to_toml())
    assert load_config(path) == alike


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 2, "gradual": 3}, "gradual is 3, but epochs is 2; each stage"),
        (
            {"epochs": 2, "warmup_epochs": 2.5},
            r"warmup is 2\.5, but epochs is 2 \(\[fine_tune\]\), so the learn",
        ),
        (
            {"epochs": 8, "warmup_epochs": 3.0, "gradual": 3},
            r"warmup is 3, but epochs is 8 in 3 stages \(\[fine_tune\]\), so",
        ),
        ({"epochs": 2, "warmup_epochs": 2.0, "gradual": 1}, ""),
        ({"epochs": 8, "warmup_epochs": 2.0, "gradual": 3}, ""),
        ({"epochs": 2, "gradual": 2}, ""),
        ({"epochs": 2, "warmup_epochs": 9.0, "schedule": "one-cycle"}, ""),
    ],
)
def test_phases_have_the_epochs_that_they_need(
    settings: dict[str, Any], message: str
) -> None:
    config = override(Config(), {"fine_tune": settings})
    check_phases(config, ["frozen"])
    if not message:
        check_phases(config, ["fine_tune"])
        return
    with pytest.raises(ConfigError, match=message):
        check_phases(config, ["fine_tune"])


def test_a_warm_up_of_the_frozen_phase_ends_in_it() -> None:
    config = override(Config(), {"frozen": {"epochs": 3, "warmup_epochs": 4}})
    with pytest.raises(ConfigError, match=r"is 4, but epochs is 3 \(\[frozen\]\)"):
        check_phases(config, ["frozen"])
    check_phases(config, ["fine_tune"])


@pytest.mark.parametrize("name", ["none", *RECIPES])
def test_defaults_and_recipes_pass_the_checks(name: str) -> None:
    config = load_config(None, {"recipe": name})
    check_views(config)
    check_phases(config, ["frozen", "scratch", "fine_tune"])


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"fine_tune": {"learning_rate": "auto"}}, "fine_tune.learning_rate", "auto"),
        ({"batch_size": "auto"}, "batch_size", "auto"),
        ({"time_budget": "1h30m"}, "time_budget", 5400.0),
        ({"time_budget": "30m"}, "time_budget", 1800.0),
        ({"time_budget": 90}, "time_budget", 90.0),
        ({"time_budget": "1.5h30s"}, "time_budget", 5430.0),
        ({"time_budget": "1h"}, "time_budget", 3600.0),
        ({"checkpoint_every": "0.5s"}, "checkpoint_every", 0.5),
        ({"frozen": {"weight_decay": "auto"}}, "frozen.weight_decay", "auto"),
        ({"frozen": {"weight_decay": 0}}, "frozen.weight_decay", 0.0),
        ({"frozen": {"patience": "auto"}}, "frozen.patience", "auto"),
        ({"frozen": {"patience": "none"}}, "frozen.patience", "none"),
    ],
)
def test_numbers_may_be_words_and_times(
    values: dict[str, Any], name: str, expected: float | str
) -> None:
    config: Any = override(Config(), values)
    for part in name.split("."):
        config = getattr(config, part)
    assert config == expected
    assert type(config) is type(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"fine_tune": {"learning_rate": "fast"}},
            "--lr is 'fast'; expected a number, or 'auto'.",
        ),
        ({"batch_size": "1.5"}, "--batch is '1.5'; expected a whole number, 'd"),
        ({"batch_size": -1}, "--batch is -1; it must be at least 1, 'default', "),
        (
            {"time_budget": "soon"},
            "--time-budget is 'soon'; expected a time such as 90s, 30m or 1h30m, or",
        ),
        (
            {"time_budget": "30"},
            "--time-budget is '30', which does not say in what. Type 30s for seconds "
            "or 30m for minutes.",
        ),
        ({"time_budget": "1h30"}, "Type 1h30s for seconds or 1h30m for minutes."),
        ({"time_budget": "5m3"}, "'5m3', which does not say in what. Type 5m3s for s"),
        ({"time_budget": "9" * 400 + "s"}, "; expected a time such as"),
        ({"checkpoint_every": "0s"}, "--checkpoint-every is 0s; it must be above 0."),
        ({"fine_tune": {"learning_rate": "1e-3"}}, "--lr is '1e-3'; expected a numb"),
        ({"frozen": {"epochs": "3"}}, "--epochs is '3'; expected a whole number."),
        ({"recipe": "fats"}, "--recipe is 'fats'. Did you mean 'fast'?"),
    ],
)
def test_wrong_words_and_times_are_called_by_their_option(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught, command_line():
        load_config(None, values)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_of_a_file_lies_below_the_rest_of_it(
    tmp_path: Path, name: str
) -> None:
    recipe = load_config(None, {"recipe": name})
    assert recipe.recipe == name
    assert dataclasses.replace(recipe, recipe="none") != Config()
    path = tmp_path / "config.toml"
    path.write_text(f"recipe = '{name}'\n[fine_tune]\nepochs = 77\nlast = '12%'\n")
    config = load_config(path, {"fine_tune": {"last": "13%"}})
    expected = dataclasses.replace(recipe.fine_tune, epochs=77, last="13%")
    assert config.fine_tune == expected
    assert config.frozen == recipe.frozen


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_of_a_file_keeps_its_augmentation(tmp_path: Path, name: str) -> None:
    recipe = load_config(None, {"recipe": name})
    path = tmp_path / "config.toml"
    path.write_text(f"recipe = '{name}'\nseed = 7")
    assert load_config(path) == dataclasses.replace(recipe, seed=7)
    path.write_text(f"recipe = '{name}'\n[augment]\nhue = 20")
    expected = dataclasses.replace(recipe.augment, hue=20.0)
    assert load_config(path).augment == expected


def test_a_recipe_among_the_options_lies_between_a_file_and_the_others(
    tmp_path: Path,
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "recipe = 'textbook'\nviews = 3\nseed = 7\n"
        "[fine_tune]\nepochs = 77\npatience = 5\n"
    )
    fast = load_config(None, {"recipe": "fast"})
    config = load_config(path, {"recipe": "fast", "fine_tune": {"last": "13%"}})
    assert (config.recipe, config.views, config.seed) == ("fast", fast.views, 7)
    assert config.augment == fast.augment
    # The recipe does not set these, but the file and the file's recipe do.
    others = {"patience": 5, "decay": 0.001}
    expected = dataclasses.replace(fast.fine_tune, last="13%", **others)
    assert config.fine_tune == expected
    assert config.image_size == 224
    without = load_config(path, {"recipe": "none"})
    path.write_text(path.read_text().replace("textbook", "none"))
    assert without == load_config(path)


def test_the_textbook_has_no_weight_decay() -> None:
    xception = Path(__file__).parents[2] / "configs" / "xception_tf_flowers.toml"
    for config in (load_config(None, {"recipe": "textbook"}), load_config(xception)):
        assert config.fine_tune.weight_decay == config.frozen.weight_decay == 0.0


@pytest.mark.parametrize("optimizer", USUAL_LEARNING_RATES)
@pytest.mark.parametrize("recipe", ["none", "textbook"])
def test_a_file_with_an_optimizer_alone_has_its_usual_rate(
    tmp_path: Path, optimizer: str, recipe: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"recipe = '{recipe}'\n[fine_tune]\noptimizer = '{optimizer}'\n")
    config = load_config(path)
    assert config.fine_tune.learning_rate == USUAL_LEARNING_RATES[optimizer]
    assert config.frozen == load_config(None, {"recipe": recipe}).frozen
    with path.open("a") as file:
        file.write("learning_rate = 'auto'")
    assert load_config(path).fine_tune.learning_rate == "auto"


def test_automatic_settings_of_the_frozen_phase() -> None:
    usual = {"weight_decay": 1.0, "patience": 10}
    plain = {"weight_decay": 0.0, "patience": "none"}
    default = Frozen()
    assert default.resolved() == dataclasses.replace(default, **plain)
    assert default.resolved(**usual) == dataclasses.replace(default, **usual)
    for chosen in (plain, {"weight_decay": 0.5, "patience": 3}):
        phase = dataclasses.replace(default, **chosen)
        assert phase.resolved() == phase.resolved(**usual) == phase
    # The fine-tuning phase has no automatic values for them.
    for phase in (Phase(), FineTune()):
        assert phase.weight_decay >= 0
        assert phase.patience == "none"


def test_a_run_of_a_recipe_keeps_its_settings_whatever_the_recipe_becomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(None, {"recipe": "fast"})
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    (tmp_path / "fast.toml").write_text("[fine_tune]\nepochs = 55\n")
    monkeypatch.setattr("cnnxfer.config.recipes.FOLDER", tmp_path)
    assert load_config(None, {"recipe": "fast"}).fine_tune.epochs == 55
    assert load_config(path) == config
