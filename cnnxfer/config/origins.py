"""Where the value of each setting comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from cnnxfer.config.augment import Augment
from cnnxfer.config.config import Config
from cnnxfer.config.loading import Layer, layers, layers_of_task
from cnnxfer.config.options import Option, options_of
from cnnxfer.config.setting import settings_in


@dataclass(frozen=True)
class Origin:
    """Where the value of a setting comes from.

    Attributes:
        source: the kind of the place; `task` is for the defaults of a task, and
            `setting` for what follows from another setting.
        name: the option, the path of the file, or the name of the recipe, the task or
            the setting; "" for a default.
    """

    source: Literal["default", "task", "recipe", "file", "option", "setting"] = (
        "default"
    )
    name: str = ""

    @property
    def text(self) -> str:
        """The origin in words, such as `recipe fast` or `--lr`."""
        if self.source == "option":
            return self.name
        if self.source == "setting":
            return f"follows from {self.name}"
        return f"{self.source} {self.name}".strip()


def origins_of(
    path: Path | None, options: Mapping[str, Any], task: str, first_phase: str
) -> dict[str, Origin]:
    """Returns where the value of each setting of a training comes from.

    Args:
        path: a file of settings; None for no file.
        options: settings, as `load_config` takes them.
        task: the name of the task; `auto` as long as it is not known.
        first_phase: the phase that `train` runs.

    Returns:
        The origins by the names of settings, those in tables as `frozen.epochs`.
    """
    origins = {name: Origin() for name, _ in named_values(Config())}
    typed = {
        _full_name(option, first_phase): option.setting.option or ""
        for option in options_of("train").values()
    }
    for layer in (*layers_of_task(task), *layers(path, options)):
        for name in _set_by(layer):
            of_option = typed.get(name, "--augment")  # whose level brings others
            is_option = layer.source == "option"
            origins[name] = Origin(layer.source, of_option if is_option else layer.name)
    return origins


def named_values(config: Config) -> Iterator[tuple[str, Any]]:
    """Yields the names of all settings with their values, in the order of files."""
    for name in settings_in(Config):
        yield name, getattr(config, name)
    for table in fields(Config):
        section = getattr(config, table.name)
        if is_dataclass(section):
            for name in settings_in(type(section)):
                yield f"{table.name}.{name}", getattr(section, name)


def _set_by(layer: Layer) -> Iterator[str]:
    """Yields the names of the settings that a layer sets."""
    for name, value in layer.values.items():
        if name == "augment" and (isinstance(value, str) or "level" in (value or ())):
            for other in settings_in(Augment):
                yield f"augment.{other}"
        elif isinstance(value, Mapping):
            yield from (f"{name}.{key}" for key in value if value[key] is not None)
        elif value is not None:
            yield name


def _full_name(option: Option, first_phase: str) -> str:
    table = first_phase if option.table == "frozen" else option.table
    return f"{table}.{option.setting.name}".lstrip(".")
