from pathlib import Path

import pytest

from cnnxfer.config import Config
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import Reporter
from cnnxfer.training.start import prepare_run


def test_a_class_of_weights_that_is_unknown_is_told_before_there_is_a_run(
    photos_dir: Path, tmp_path: Path
) -> None:
    weights_file = tmp_path / "weights.csv"
    weights_file.write_text("roos,2\n")
    config = Config(
        data=str(photos_dir), class_weights=str(weights_file), devices="cpu"
    )
    with pytest.raises(ConfigError, match="unknown class 'roos'"):
        prepare_run(config, tmp_path / "runs", Reporter())
    assert not (tmp_path / "runs").exists()
