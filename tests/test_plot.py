import sys

import pytest

from cnnxfer.api.plot import plot_history
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.runs import create_run


def test_phases_are_drawn_one_after_the_other(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    runs = [create_run(tmp_path, name) for name in ("a", "b")]
    with pytest.raises(RunError, match="no epoch to plot yet"):
        plot_history(runs)
    for run, phase in zip(runs, ("frozen", "fine_tune"), strict=True):
        for epoch in (1, 2):
            figures = {"loss": 0.5 / epoch, "accuracy": 0.8, "val_loss": ""}
            run.add_history(
                {"phase": phase, "epoch": epoch, **figures, "val_accuracy": 0.7}
            )
    figure = plot_history(runs)
    loss, accuracy = figure.axes
    curves = [
        line.get_xydata().tolist() for line in loss.lines if line.get_label() == "train"
    ]
    assert curves == [[[1, 0.5], [2, 0.25]], [[3, 0.5], [4, 0.25]]]
    assert [text.get_text() for text in accuracy.texts] == ["frozen", "fine-tune"]


def test_the_figure_of_the_task_is_drawn(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    run = create_run(tmp_path, "a")
    figures = {"loss": 0.5, "val_loss": 0.6, "val_mean_iou": 0.7}
    run.add_history({"phase": "frozen", "epoch": 1, **figures})
    _, quality = plot_history([run]).axes
    assert quality.get_ylabel() == "mean iou"
    assert quality.lines[1].get_ydata().tolist() == [0.7]


def test_without_matplotlib_the_install_command_is_told(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"pip install 'cnnxfer\[plot\]'"):
        plot_history([])
