from pathlib import Path

import pytest

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.prediction.model_choice import check_top, choose_model
from cnnxfer.runs import Run


def test_choose_model_finds_runs_and_backbones(
    colour_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_dir = colour_run.path.parent
    monkeypatch.chdir(tmp_path)
    assert choose_model(None) == Run(Path("runs") / colour_run.name)
    assert choose_model("latest", runs_dir) == colour_run
    assert choose_model(None, tmp_path / "none") == "efficientnet-lite0"
    assert choose_model("ResNet50-V2", runs_dir) == "resnet50v2"
    assert choose_model(colour_run.path) == colour_run
    assert choose_model(colour_run.name, runs_dir) == colour_run
    with pytest.raises(ConfigError, match="no run or backbone called 'resnet5'"):
        choose_model("resnet5", runs_dir)
    colour_run.model_path.unlink()
    with pytest.raises(RunError, match="has no trained model yet"):
        choose_model(None, runs_dir)


def test_top_must_not_exceed_the_number_of_classes(colour_run: Run) -> None:
    assert check_top(None, colour_run) == 5
    assert check_top(3, colour_run) == 3
    assert check_top(1000, "efficientnet-lite0") == 1000
    for top, model, count in ((4, colour_run, 3), (0, colour_run, 3), (1001, "", 1000)):
        with pytest.raises(ConfigError, match=f"--top is {top}; .* 1 to {count}"):
            check_top(top, model)
