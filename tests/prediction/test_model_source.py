from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.model_source import find_model
from cnnxfer.runs import Run


def test_a_model_is_found_by_what_was_typed(
    colour_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_dir = colour_run.path.parent
    monkeypatch.chdir(tmp_path)
    assert find_model(None).place == str(Path("runs") / colour_run.name)
    for typed in ("latest", colour_run.path, colour_run.name, colour_run):
        found = find_model(typed, runs_dir)
        assert (found.name, found.place) == (colour_run.name, str(colour_run.path))
        assert found.classes == [(name, name) for name in ("blue", "green", "red")]
    for typed, name in ((None, "efficientnet-lite0"), ("ResNet50-V2", "resnet50v2")):
        found = find_model(typed, tmp_path / "none")
        assert (found.name, found.place) == (name, name)
        assert len(found.classes) == 1000
    with pytest.raises(ConfigError, match="no run or backbone called 'resnet5'"):
        find_model("resnet5", runs_dir)
    colour_run.model_path.unlink()
    with pytest.raises(RunError, match="has no trained model yet"):
        find_model(None, runs_dir)


def test_a_run_comes_before_a_backbone_of_its_name(
    colour_run: Run, tmp_path: Path
) -> None:
    runs_dir = colour_run.path.parent
    colour_run.path.rename(runs_dir / "xception")
    found = find_model("xception", runs_dir)
    assert len(found.classes) == 3
    reporter = RecordingReporter()
    Classifier(found, reporter=reporter).close()
    assert reporter.infos == [
        f"xception is the run {runs_dir / 'xception'}; the backbone of this name is "
        "cnnxfer:xception"
    ]
    found = find_model("cnnxfer:xception", runs_dir)
    assert (found.hides, len(found.classes)) == ("", 1000)
    assert find_model("Xception", runs_dir).place == "xception"  # no such folder
    with pytest.raises(ConfigError, match="unknown backbone 'xceptio'"):
        find_model("cnnxfer:xceptio", runs_dir)
