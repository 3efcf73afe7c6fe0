"""The recipes: TOML files in the package, each with settings that belong together."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "recipes"
NO_RECIPE = "none"
RECIPES = ("textbook", "fast", "best")


def task_path(task: str) -> Path:
    """Returns the path of the TOML file of a task's own defaults; not all have one."""
    return FOLDER / "tasks" / f"{task}.toml"


def recipe_path(name: str) -> Path:
    """Returns the path of the TOML file of a recipe, one of `RECIPES`."""
    return FOLDER / f"{name}.toml"
