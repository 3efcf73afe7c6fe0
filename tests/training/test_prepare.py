import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config
from cnnxfer.data.preparing.prepared import Parts, read_data
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training.optimization.devices import Devices
from cnnxfer.training.start import prepare_run
from cnnxfer.training.task import Setup


def weights(seed: int) -> list[np.ndarray]:
    """Returns the first weights of a run whose backbone has random ones too."""
    setup = Setup(
        run=Run(Path("run")),
        config=Config(seed=seed, weights="none", image_size=32),
        backbone=BACKBONES.get("mobilenet-0.25"),
        class_names=("a", "b"),
        parts=Parts([], [], []),
        devices=Devices(),
        precision="float32",
        reporter=Reporter(),
        multi_label=False,
    )
    kernels = setup.build_classifier(precision="float32").get_weights()
    return [weight for weight in kernels if weight.ndim > 1]


def test_first_weights_follow_from_the_seed() -> None:
    first, again, other = weights(1), weights(1), weights(2)
    assert len(first) == 28
    for weight, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(weight, same)
        assert not np.array_equal(weight, different)


@pytest.mark.parametrize(
    "draw",
    [
        random.random,
        np.random.random,
        lambda: float(tf.random.uniform([])),
    ],
    ids=["python", "numpy", "tensorflow"],
)
def test_a_callers_random_numbers_are_left_alone(draw: object) -> None:
    # Somebody who searches for settings at random would find the same ones for ever.
    weights(1)
    before = draw()
    weights(1)
    assert draw() != before


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


def test_names_and_places_have_no_say_in_what_is_learned(
    photos_dir: Path, tmp_path: Path
) -> None:
    folder, table = tmp_path / "folder", tmp_path / "table.csv"
    shutil.copytree(photos_dir, folder)
    picture = next((folder / "red").iterdir())
    shutil.copy(picture, folder / "blue" / "0.jpg")  # one picture of two classes
    rows = ["path,label"]
    for number, path in enumerate(sorted(folder.glob("*/*.jpg"), reverse=True)):
        shutil.copy(path, tmp_path / f"{number}.jpg")
        rows.append(f"{number}.jpg,{path.parent.name}")
    table.write_text("\n".join(rows))

    def content(spec: Path) -> list[tuple[str, int, str]]:
        data = read_data(Config(data=str(spec)), Reporter())
        return [
            (example.sha256, example.label, part)
            for example, part in zip(data.examples, data.parts, strict=True)
        ]

    assert content(folder) == content(table)
