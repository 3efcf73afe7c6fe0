import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.errors import ConfigError
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run
from cnnxfer.training import start
from cnnxfer.training.optimization.devices import Devices, prepare_devices

CONFIG = """
cache = false
dropout = 0.0
image_size = 64
precision = "float32"
split = "60/20/20"

[frozen]
epochs = 2
optimizer = "sgd"
learning_rate = 0.1

[fine_tune]
epochs = 1
optimizer = "sgd"
learning_rate = 0.01
weight_decay = 0.0
last = "10%"
clip_norm = "none"
"""
# Does what `train` does, on two devices that share the processor.
SCRIPT = """
import sys
import tensorflow as tf
from shallow_mobilenet import in_place_of_mobilenet

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
import cnnxfer
from cnnxfer.training import start
from cnnxfer.training.optimization.devices import Devices

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
devices = Devices(replicas=strategy.num_replicas_in_sync, strategy=strategy)
start.prepare_devices = lambda choice, together: devices
data, weights, config, runs_dir = sys.argv[1:]
with in_place_of_mobilenet():
    run = cnnxfer.train(
        data, backbone="mobilenet-0.25", weights=weights, config=config,
        batch=11, runs_dir=runs_dir, fine_tune=True,
    )
print(run.path)
"""


def figures(run: Run) -> list[dict[str, float]]:
    assert run.parent
    rows = [*run.parent.history, *run.history, run.metrics["before"]]
    return [
        {
            key: float(value)
            for key, value in row.items()
            if key not in ("phase", "monitor", "seconds") and value is not None
        }
        for row in rows
    ]


def test_two_devices_train_as_one_does(
    noisy_photos_dir: Path,
    shallow_weights_path: Path,
    train: Callable[..., Run],
    tmp_path: Path,
) -> None:
    config_path = tmp_path / "config.toml"
    config_path.write_text(CONFIG)
    paths = [noisy_photos_dir, shallow_weights_path, config_path, tmp_path / "two"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *paths],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,  # replicas that disagree wait for each other
    )
    assert done.returncode == 0, done.stderr
    two = figures(Run(Path(done.stdout.strip())))
    # Of batches of 11, two devices make 10 for the 24 images that train, and 8 for
    # the 9 that validate, whose last one they can't share.
    one = train(
        tmp_path / "one",
        config=config_path,
        batch=10,
        epochs=None,
        lr=None,
        fine_tune=True,
    )
    assert len(two) == 4
    for row, expected in zip(two, figures(one), strict=True):
        assert row == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("wanted", "images", "batch_size"),
    [(32, 100, 32), (32, 9, 8), (7, 100, 6), (1, 100, 2), (2, 2, 2), (3, 3, 2)],
)
def test_a_batch_divides_among_the_replicas(
    wanted: int, images: int, batch_size: int
) -> None:
    assert Devices(replicas=2).batch_size(wanted, images) == batch_size
    assert Devices().batch_size(wanted, images) == min(wanted, images)


def test_fewer_images_than_replicas() -> None:
    with pytest.raises(ConfigError) as caught:
        Devices(replicas=2).batch_size(32, 1)
    assert str(caught.value) == (
        "1 images cannot be shared among 2 devices. Use devices='one'."
    )


def test_all_devices_of_a_machine_with_one_are_that_one() -> None:
    devices = prepare_devices("cpu")
    assert (devices.replicas, devices.strategy, devices.prefetch_to) == (1, None, None)
    assert devices.compute_capability is None


def test_batches_prefetched_to_a_device_train_the_same(
    train: Callable[..., Run],
    parent: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    devices = Devices(prefetch_to="/CPU:0")
    monkeypatch.setattr(start, "prepare_devices", lambda choice, together: devices)
    run = train(tmp_path)
    models = [load_model(each.model_path).get_weights() for each in (run, parent)]
    for weight, expected in zip(*models, strict=True):
        np.testing.assert_array_equal(weight, expected)
    assert run.metrics == parent.metrics
