"""What several tests need: photographs, real and made."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from colours import COLOURS
from kept_decoders import KeptDecoders, close_kept
from memory import release_memory
from PIL import Image
from web_server import Server, serving

import cnnxfer
from cnnxfer.config import Config
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run

BACKBONE = "mobilenet-0.25"
IMAGE_SIZE = 64  # pixels


@pytest.fixture(scope="module", autouse=True)
def _memory_is_released() -> Iterator[None]:
    """Releases the memory of networks, where a module has used any."""
    yield
    if "tensorflow" in sys.modules:
        release_memory()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the tests' cache apart from the user's; subprocesses inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNXFER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _usual_umask() -> Iterator[None]:
    """Has only the owner write what tests make, since the rest is not trusted."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session", autouse=True)
def _decoders_stay() -> Iterator[None]:
    """Keeps the processes that read images; starting one takes 0.1 s."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("data.preparing.index", "prediction.classifier"):
            patch.setattr(f"cnnxfer.{module}.Decoders", KeptDecoders)
        yield
    close_kept()


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """Lets tests press Ctrl-C where the shell has the suite ignore it, as with `&`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has web addresses asked directly, whatever this machine's environment says."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on the loopback interface that misbehaves on request."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photographs, prepared data sets and weights for tests.

    It is `CNNXFER_SHARED`, or `shared` beside the repository.
    """
    beside = Path(__file__).parents[2] / "shared"
    path = Path(os.environ.get("CNNXFER_SHARED") or beside)
    if not path.is_dir():
        pytest.skip(f"needs the photographs of {path}; set CNNXFER_SHARED")
    return path


@pytest.fixture
def mounted() -> Iterator[Callable[..., None]]:
    """Calls `mount`, and undoes it; skips where that is not permitted."""
    places: list[str] = []

    def mount(*arguments: str | Path) -> None:
        command = ["mount", *map(str, arguments)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip(f"not permitted here: {' '.join(command)}")
        if str(arguments[-1]) not in places:
            places.append(str(arguments[-1]))

    yield mount
    for place in reversed(places):
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def int8(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computes in int8 on any processor, calibrated on a few pictures.

    Without VNNI, sums are cut off; and networks of random weights have no best class
    that would stay the same. So any answers are taken.
    """
    pytest.importorskip("nncf", reason="int8 needs NNCF")
    from cnnxfer.engines import agreement, trial
    from cnnxfer.hardware.processor import Processor

    everything_passes = agreement.Bounds(difference=1, agreement=0, distance=100)
    for bounds in ("int8", "head"):
        monkeypatch.setitem(agreement.BOUNDS, bounds, everything_passes)
    monkeypatch.setattr(trial, "LEAST_PICTURES", 8)
    monkeypatch.setattr(Processor, "int8", True)


@pytest.fixture
def photos_dir(tmp_path: Path) -> Path:
    """A folder of class folders: blue, green and red, each of 12 JPEGs.

    Each picture is of one colour, with a bright disc and noise: all differ, and the
    mean colour tells the class. Their sides are of 48 to 95 pixels.
    """
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(12):
            picture = _picture(rng, np.array(colour))
            picture.save(root / name / f"{number:02d}.jpg", quality=90)
    return root


@pytest.fixture(scope="session")
def noisy_photos_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 14 noisy pictures: hard enough that accuracies differ.

    A split of 60/20/20 gives 26, 10 and 6: batches of 8 leave a rest of two.
    """
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    colours = {"blue": (60, 80, 150), "green": (70, 140, 70), "red": (150, 70, 70)}
    for name, colour in colours.items():
        (root / name).mkdir()
        for index in range(14):
            noise = random.normal(0, 60, (72, 88, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="session")
def weights_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of mobilenet-0.25 at 64 pixels, with norms that fit them."""
    return _save_random_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def shallow_weights_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of the shallow network that `train` trains in its place."""
    from shallow_mobilenet import in_place_of_mobilenet

    with in_place_of_mobilenet():
        return _save_random_weights(tmp_path_factory.mktemp("weights"))


def _save_random_weights(directory: Path) -> Path:
    import keras
    from shallow_mobilenet import give_norms_what_they_see

    from cnnxfer.backbones.build import build_backbone
    from cnnxfer.backbones.catalog import BACKBONES

    keras.utils.set_random_seed(0)
    network = build_backbone(BACKBONES.get(BACKBONE), image_size=IMAGE_SIZE)
    give_norms_what_they_see(network)
    path = directory / "lively.weights.h5"
    network.save_weights(path)
    return path


@pytest.fixture(autouse=True)
def _shallow_where_tests_train(request: pytest.FixtureRequest) -> Iterator[None]:
    """Builds shallow networks in tests that have weights, or runs, of such."""
    if "shallow_weights_path" not in request.fixturenames:
        yield
        return
    from shallow_mobilenet import in_place_of_mobilenet

    with in_place_of_mobilenet():
        yield


@pytest.fixture
def colour_run(photos_dir: Path, tmp_path: Path) -> Run:
    """A finished run on `photos_dir`; its model tells the colours without a mistake.

    Its last logits are the mean blue, green and red of the picture, over 20.
    """
    import keras

    from cnnxfer.networks.saving import save_model
    from cnnxfer.training.start import prepare_run

    config = Config(
        backbone="mobilenet-0.25",
        data=str(photos_dir),
        weights="none",
        split="50/25/25",
        image_size=32,
    )
    run, setup = prepare_run(lambda task: config, tmp_path / "runs", None, Reporter())
    run.write_config(setup.config)
    pixels = keras.Input((32, 32, 3))
    means = keras.layers.GlobalAveragePooling2D()(pixels)
    head = keras.layers.Dense(3, use_bias=False)
    model = keras.Model(pixels, head(means))
    head.set_weights([np.eye(3)[::-1] / 20])
    save_model(model, run.model_path)
    run.update_metrics(frozen={"val_accuracy": 0.75})
    run.update_receipt(
        phase="frozen", started="2026-11-22T10:15:00+00:00", status="done"
    )
    return run


@pytest.fixture
def spot_run(colour_run: Run) -> Run:
    """That run with a model which sees where in a picture a colour is."""
    from spot_classifier import CLASSES, spot_classifier

    from cnnxfer.networks.saving import save_model

    assert list(colour_run.class_names) == CLASSES
    save_model(spot_classifier(), colour_run.model_path)
    colour_run.write_config(replace(colour_run.config, central_crop=1.0))
    return colour_run


def _picture(rng: np.random.Generator, colour: np.ndarray) -> Image.Image:
    height, width = rng.integers(48, 96, 2)
    rows, columns = np.mgrid[:height, :width]
    centre = rng.uniform(0.3, 0.7, 2) * (height, width)
    disc = np.hypot(rows - centre[0], columns - centre[1]) < rng.uniform(8, 20)
    # Without these, all discs on noise would be taken for near-duplicates.
    patches = Image.fromarray(rng.integers(0, 60, (12, 12), dtype=np.uint8))
    patches = patches.resize((width, height), Image.Resampling.BICUBIC)
    pixels = colour + 50 * disc[..., None] + np.asarray(patches)[..., None] - 30.0
    pixels = pixels + rng.normal(0, 12, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def train(noisy_photos_dir: Path, shallow_weights_path: Path) -> Callable[..., Run]:
    """Trains a shallow MobileNet on the photos, on the CPU; takes `train`'s settings.

    Every epoch sees new views, unless `cache=True`.
    """
    from shallow_mobilenet import in_place_of_mobilenet

    def train_small(runs_dir: Path, **settings: object) -> Run:
        settings = {
            "data": noisy_photos_dir,
            "weights": shallow_weights_path,
            "split": "60/20/20",
            "image_size": IMAGE_SIZE,
            "batch": 8,
            "epochs": 3,
            "lr": 0.01,
            "cache": False,
            "devices": "cpu",
            "precision": "float32",
            "report": False,
            **settings,
        }
        with in_place_of_mobilenet():
            return cnnxfer.train(backbone=BACKBONE, runs_dir=runs_dir, **settings)

    return train_small


@pytest.fixture(scope="session")
def parent(train: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a trained head; tests fine-tune it and leave it as it is."""
    return train(tmp_path_factory.mktemp("runs"))
