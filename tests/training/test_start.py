from pathlib import Path

import pytest

from cnnxfer.config import Config
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import Reporter
from cnnxfer.training.start import prepare_run


def test_an_unknown_class_in_a_weights_file_is_an_error_before_the_run_exists(
    photos_dir: Path, tmp_path: Path
) -> None:
    weights_file = tmp_path / "weights.csv"
    weights_file.write_text("roos,2\n")
    config = Config(
        data=str(photos_dir), class_weights=str(weights_file), devices="cpu"
    )
    with pytest.raises(ConfigError, match="unknown class 'roos'"):
        prepare_run(lambda task: config, tmp_path / "runs", None, Reporter())
    assert not (tmp_path / "runs").exists()
