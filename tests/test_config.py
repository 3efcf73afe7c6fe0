import dataclasses
from pathlib import Path
from typing import Any

import pytest

from cnnxfer.config import Config, FineTune, Phase, load_config, override
from cnnxfer.errors import ConfigError


def settings_of(section: type) -> list[str]:
    return [item.name for item in dataclasses.fields(section)]


def test_toml_holds_every_setting_and_repeats_it(tmp_path: Path) -> None:
    config = override(
        Config(),
        {
            "backbone": "xception",
            "data": 'a "b"\\c\n[d]',
            "flip": False,
            "frozen": {"epochs": 3, "learning_rate": 0.1},
            "fine_tune": {"last": "50%", "nesterov": False},
        },
    )
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    assert load_config(path) == config
    for name in {*settings_of(Config), *settings_of(Phase), *settings_of(FineTune)}:
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
        ({"frozen": {"learning_rate": -1.0}}, "--lr is -1.0; it must be at least 0."),
        ({"frozen": {"epochs": 0}}, "--epochs is 0; it must be at least 1."),
        ({"seed": 2**31}, f"--seed is {2**31}; it must be at most {2**31 - 1}."),
        ({"precision": "float23"}, "--precision is 'float23'. Did you mean 'float32'?"),
        (
            {"devices": "gpu"},
            "--devices is 'gpu'. Did you mean 'cpu'?",
        ),
        ({"fine_tune": {"batch_norm": "x"}}, "Expected one of: frozen, train."),
        ({"dropout": 1.0}, "dropout is 1.0; it must be at most 0.9."),
        ({"data": "caf\udce9"}, r"--data is 'caf\udce9', which is not UTF-8"),
    ],
)
def test_wrong_values_are_called_by_their_option(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        override(Config(), values)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bakbone = 'x'", "unknown setting 'bakbone' in FILE. Did you mean 'backbone'"),
        ("[frozen]\nlr = 1", "unknown setting 'lr' in FILE, [frozen]. "),
        ("epochs = 3", "unknown setting 'epochs' in FILE. "),
        ("frozen = 3", "frozen in FILE must be a table: [frozen]."),
        ("seed = 'x'", "seed in FILE is 'x'; expected a whole number."),
        ("seed = true", "seed in FILE is True; expected a whole number."),
        ("seed = 1.0", "seed in FILE is 1.0; expected a whole number."),
        ("flip = 1", "flip in FILE is 1; expected true or false."),
        ("crop = 'x'", "crop in FILE is 'x'; expected a number."),
        ("crop = nan", "crop in FILE is nan; it must be above 0."),
        ("[frozen]\nepochs = -1", "epochs in FILE, [frozen] is -1; it must be"),
        ("seed = [", "FILE is not TOML: "),
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
def test_no_share(last: str) -> None:
    with pytest.raises(ConfigError, match=f"--last is '{last}'; expected a share"):
        _ = FineTune(last=last).fraction
