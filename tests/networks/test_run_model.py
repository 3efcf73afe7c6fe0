import keras
import pytest

from cnnxfer.cli.main import run as run_command
from cnnxfer.config import override
from cnnxfer.errors import RunError
from cnnxfer.networks.run_model import load_run_model, restore_model
from cnnxfer.networks.saving import save_model
from cnnxfer.prediction.model_source import run_model
from cnnxfer.reporting import SilentReporter
from cnnxfer.runs import Run


def test_classes_that_the_model_does_not_answer_are_refused(colour_run: Run) -> None:
    load_run_model(colour_run)
    for number in (1, 4):
        colour_run.write_classes([f"class {n}" for n in range(number)])
        with pytest.raises(RunError, match=rf"\(None, 3\), and .* has {number} name"):
            load_run_model(colour_run)


def test_no_label_comes_from_other_classes_whatever_is_kept(
    colour_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even where an engine has kept the network from before."""

    def key() -> str:
        return run_model(colour_run).network(SilentReporter()).key

    before = key()
    colour_run.write_classes(["b", "g", "r", "x"])
    assert key() != before
    photo = f"{colour_run.config.data}/red/00.jpg"
    command = ["predict", photo, "--model", str(colour_run.path), "-q"]
    assert run_command(command) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"error: {colour_run.model_path} has outputs of the shape" in shown.err


def test_images_that_the_model_does_not_take_are_refused(colour_run: Run) -> None:
    colour_run.write_config(override(colour_run.config, {"image_size": 64}))
    with pytest.raises(RunError, match=r"inputs of the shape .* asks for 64 pixels\."):
        load_run_model(colour_run)


def test_another_network_is_not_restored(colour_run: Run) -> None:
    pixels = keras.Input((32, 32, 3))
    features = keras.layers.GlobalAveragePooling2D()(pixels)
    hidden = keras.layers.Dense(5)(features)
    other = keras.Model(pixels, keras.layers.Dense(3)(hidden))
    with pytest.raises(RunError, match=r"another network than config\.toml asks for"):
        restore_model(colour_run, other)
    save_model(other, colour_run.model_path)
    restore_model(colour_run, keras.models.clone_model(other))
