"""Recipes: settings that belong together, as files of the package."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "recipes"
NO_RECIPE = "none"
RECIPES = ("textbook", "fast", "best")


def recipe_path(name: str) -> Path:
    """Returns the TOML file of one of `RECIPES`."""
    return FOLDER / f"{name}.toml"
