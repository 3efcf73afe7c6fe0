"""The experiments in `configs/`."""

from pathlib import Path

import pytest

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import load_config

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_experiment_can_be_loaded_and_begins_with_its_command(path: Path) -> None:
    config = load_config(path)
    assert BACKBONES.get(config.backbone).name in path.stem.replace("_", "-")
    command = f"cnnxfer train --config configs/{path.name}"
    head, _, _ = path.read_text(encoding="utf-8").partition("\n\n")
    assert f"#   {command}" in head
    assert "Expected result" in head
    readme = (CONFIGS / "README.md").read_text(encoding="utf-8")
    assert f"({path.name})" in readme
    assert f"`{command}" in readme
