"""Activations are computed once, cached, and checked when they are read."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Augment, Config
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.views.views import CentralViews, Views, pixel_batches, training_views
from cnnxfer.engines.engine import FEATURES
from cnnxfer.engines.keras_engine import KerasEngine
from cnnxfer.errors import DataError, RunError
from cnnxfer.networks.classifier import build_classifier
from cnnxfer.networks.cut import CutNetwork, model_behind, network_before
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.training.activations import compute as compute_module
from cnnxfer.training.activations.compute import load_activations
from cnnxfer.training.activations.store import Activations, ActivationStore

IMAGE_SIZE = 16
CONFIG = Config(augment=Augment(crop=0.7, flip=True), seed=0)
VIEWS = [training_views(CONFIG, number) for number in range(3)]


def features(pixels: np.ndarray) -> np.ndarray:
    """Returns numbers that differ between images, float32 `(images, 12)`."""
    corners = pixels[:, :: IMAGE_SIZE // 2, :: IMAGE_SIZE // 2].astype(np.float32)
    return corners.reshape(len(pixels), -1)


@dataclass
class FakeEngine:
    """An engine that counts images, and can stop or fail at one of them."""

    name: str = "keras"
    precision: str = "float32"
    calibration: str = ""
    batch_size: int = 8
    image_size: int = IMAGE_SIZE
    answer: Callable[[np.ndarray], np.ndarray] = features
    stop_after: int = 10**9
    images: int = field(default=0, init=False)

    def run(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for batch in batches:
            if self.images >= self.stop_after:
                raise KeyboardInterrupt
            self.images += len(batch)
            yield self.answer(batch)


def build_nothing() -> None:
    pytest.fail("Keras was asked for the network")


NETWORK = CutNetwork(
    key="0" * 64,
    image_size=IMAGE_SIZE,
    build=build_nothing,
    outputs=FEATURES,
    backbone="mobilenet",
    cut=POOLED,
)


def examples_in(photos_dir: Path) -> list[Example]:
    return [
        Example(
            id=path.stem,
            annotation=Labels((0,)),
            split=None,
            path=path,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(photos_dir.glob("*/*.jpg"))
    ]


@pytest.fixture
def examples(photos_dir: Path) -> list[Example]:
    return examples_in(photos_dir)


@pytest.fixture
def store(tmp_path: Path) -> ActivationStore:
    return ActivationStore(tmp_path / "activations", 10**9)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_module, "CHUNK_ROWS", 10)


def load(
    engine: FakeEngine,
    examples: list[Example],
    store: ActivationStore,
    views: list[Any] = VIEWS,
    *,
    network: CutNetwork = NETWORK,
    reporter: Reporter | None = None,
) -> list[Activations]:
    return load_activations(
        network,
        engine,
        examples,
        views,
        store=store,
        reporter=reporter or Reporter(),
        title="features",
    )


def pixels_of(examples: list[Example], view: Views) -> np.ndarray:
    batches = pixel_batches(examples, [view], image_size=IMAGE_SIZE, batch_size=100)
    return np.concatenate(list(batches))


def check(found: list[Activations], examples: list[Example]) -> None:
    """Compares activations with the engine's output; bytes are exact in float16."""
    for view, activations in zip(VIEWS, found, strict=False):
        expected = features(pixels_of(examples, view))
        np.testing.assert_array_equal(activations[:], expected)


def test_each_view_has_its_rows(
    examples: list[Example], store: ActivationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, read_ids = Example.read, []

    def counted(example: Example) -> bytes:
        read_ids.append(example.id)
        return read(example)

    monkeypatch.setattr(Example, "read", counted)
    engine = FakeEngine()
    found = load(engine, examples, store)
    assert engine.images == 3 * 36
    assert len(read_ids) == 36  # each is decoded once for all of its views
    assert [activations.shape for activations in found] == [(36, 12)] * 3
    assert not np.array_equal(found[0][:], found[1][:])
    check(found, examples)


def test_nothing_is_computed_twice(
    examples: list[Example], store: ActivationStore
) -> None:
    load(FakeEngine(), examples, store, VIEWS[:2])
    engine = FakeEngine()
    check(load(engine, examples, store, VIEWS[:2]), examples)
    assert engine.images == 0
    check(load(engine, examples, store), examples)
    assert engine.images == 36  # the view that is new
    elsewhere = [replace(example, id=f"moved {example.id}") for example in examples]
    load(engine, elsewhere, store)
    assert engine.images == 36


def test_another_key_has_its_own_activations(
    examples: list[Example], store: ActivationStore
) -> None:
    first = load(FakeEngine(), examples, store, VIEWS[:1])

    def computes(engine: FakeEngine, *arguments: Any, **options: Any) -> bool:
        load(engine, *arguments, **options)
        return engine.images > 0

    view = VIEWS[0]
    assert computes(FakeEngine(precision="bfloat16"), examples, store, [view])
    for calibration in ("some pictures", "others"):
        engine = FakeEngine(precision="int8", calibration=calibration)
        assert computes(engine, examples, store, [view])
    assert computes(FakeEngine(name="openvino"), examples, store, [view])
    network = replace(NETWORK, key="f" * 64)
    assert computes(FakeEngine(), examples, store, [view], network=network)
    assert computes(FakeEngine(), examples[::-1], store, [view])
    assert computes(FakeEngine(), examples[:-1], store, [view])
    assert computes(FakeEngine(), examples, store, [replace(view, seed=1)])
    stronger = replace(view, augment=replace(CONFIG.augment, crop=0.8))
    assert computes(FakeEngine(), examples, store, [stronger])
    assert computes(FakeEngine(), examples, store, [CentralViews(0.7)])
    assert computes(FakeEngine(), examples, store, [CentralViews(0.8)])
    assert not computes(FakeEngine(), examples, store, [view])
    check(first, examples)


@pytest.mark.parametrize("scale", [1e-30, 1e-17, 1e-3, 1e7, 1e35])
def test_any_magnitude_fits_into_float16(
    scale: float, examples: list[Example], store: ActivationStore
) -> None:
    noise = np.random.default_rng(0).normal(size=(36, 50)).astype(np.float32)
    noise[30:] = 0
    rows = iter(np.float32(scale) * noise)
    engine = FakeEngine(answer=lambda batch: np.stack([next(rows) for _ in batch]))
    (found,) = load(engine, examples, store, VIEWS[:1])
    expected = np.float32(scale) * noise
    np.testing.assert_allclose(found[:], expected, rtol=2**-11, atol=scale * 1e-7)
    assert not found[30:].any()


def test_blocks_of_activations(examples: list[Example], store: ActivationStore) -> None:
    engine = FakeEngine(answer=lambda batch: batch[:, ::4].astype(np.float32))
    (found,) = load(engine, examples, store, VIEWS[:1])
    assert found.shape == (36, 4, 16, 3)
    chosen = np.array([35, 2, 2, 17])
    expected = pixels_of(examples, VIEWS[0])[chosen, ::4]
    np.testing.assert_array_equal(found[chosen], expected)


def test_interrupted_computations_are_kept(
    examples: list[Example], store: ActivationStore
) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(FakeEngine(stop_after=64), examples, store)
    rows = [entry.manifest.rows for entry in store.entries() if entry.manifest]
    assert sorted(rows) == [21, 21, 22]
    engine = FakeEngine()
    check(load(engine, examples, store), examples)
    assert engine.images == 3 * 36 - 64


def test_another_view_joins_an_interrupted_one(
    examples: list[Example], store: ActivationStore
) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(FakeEngine(stop_after=24), examples, store, VIEWS[1:2])
    engine = FakeEngine()
    check(load(engine, examples, store), examples)
    assert engine.images == 3 * 36 - 24


def test_a_killed_process_loses_its_last_chunk(
    examples: list[Example], store: ActivationStore
) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(FakeEngine(stop_after=24), examples, store, VIEWS[:1])
    (entry,) = store.entries()
    with (entry.path / "rows.float16").open("ab") as file:
        file.write(b"half a row")
    (entry.path / ".tmp-xyz-manifest.json").write_bytes(b"{")
    reporter = RecordingReporter()
    check(load(FakeEngine(), examples, store, VIEWS[:1], reporter=reporter), examples)
    assert reporter.infos == []


def truncate(path: Path) -> None:
    os.truncate(path / "rows.float16", 36 * 12 * 2 - 1)


def lengthen(path: Path) -> None:
    with (path / "rows.float16").open("ab") as file:
        file.write(b"more")


def flip_a_bit(path: Path) -> None:
    content = bytearray((path / "rows.float16").read_bytes())
    content[500] ^= 1
    (path / "rows.float16").write_bytes(content)


def lose_the_rows(path: Path) -> None:
    (path / "rows.float16").unlink()


def take_anothers(path: Path) -> None:
    (other,) = [entry for entry in path.parent.iterdir() if entry != path]
    shutil.copytree(other, path, dirs_exist_ok=True)


def cut_the_manifest(path: Path) -> None:
    os.truncate(path / "manifest.json", 300)


def change_a_scale(path: Path) -> None:
    manifest = path / "manifest.json"
    text = manifest.read_text()
    assert '"exponent": -7' in text
    manifest.write_text(text.replace('"exponent": -7', '"exponent": -6', 1))


def make_it_a_list(path: Path) -> None:
    (path / "manifest.json").write_text("[]")


def make_it_deep(path: Path) -> None:
    (path / "manifest.json").write_text("[" * 200_000)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "has 863 bytes of rows where 864 were written"),
        (lengthen, "has 868 bytes of rows where 864 were written"),
        (flip_a_bit, "has other rows than were written"),
        (lose_the_rows, "has lost its rows"),
        (take_anothers, "holds something else"),
        (cut_the_manifest, "has a manifest.json that is not valid"),
        (change_a_scale, "has another manifest.json than was written"),
        (make_it_a_list, "has a manifest.json that is not valid"),
        (make_it_deep, "has a manifest.json that is not valid"),
    ],
)
def test_a_damaged_entry_is_computed_again(
    damage: Callable[[Path], None],
    message: str,
    examples: list[Example],
    store: ActivationStore,
) -> None:
    load(FakeEngine(), examples, store, VIEWS[:1])
    (path,) = [entry.path for entry in store.entries()]
    load(FakeEngine(), examples, store, VIEWS[1:2])
    damage(path)
    engine, reporter = FakeEngine(), RecordingReporter()
    check(load(engine, examples, store, VIEWS[:2], reporter=reporter), examples)
    assert engine.images == 36
    assert reporter.infos == [f"{path} {message}; it is computed again"]
    check(load(engine, examples, store, VIEWS[:2]), examples)
    assert engine.images == 36


def test_a_deleted_entry_can_be_read_by_who_has_it_open(
    examples: list[Example], store: ActivationStore
) -> None:
    found = load(FakeEngine(), examples, store)
    assert store.clear() > 0
    assert store.entries() == []
    check(found, examples)
    engine = FakeEngine()
    check(load(engine, examples, store), examples)
    assert engine.images == 3 * 36


def test_an_image_that_cannot_be_read_any_more(
    examples: list[Example], store: ActivationStore
) -> None:
    content = examples[30].path.read_bytes()
    examples[30].path.unlink()
    with pytest.raises(DataError, match=r"06 cannot be read any more"):
        load(FakeEngine(), examples, store)
    examples[30].path.write_bytes(content)
    engine = FakeEngine()
    check(load(engine, examples, store), examples)
    assert 0 < engine.images < 3 * 36


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_activations_that_are_not_finite_are_an_error(
    number: float, examples: list[Example], store: ActivationStore
) -> None:
    def spoil(batch: np.ndarray) -> np.ndarray:
        rows = features(batch)
        rows[0, 3] = number
        return rows

    with pytest.raises(RunError, match="numbers that are not finite"):
        load(FakeEngine(answer=spoil), examples, store)
    assert store.entries() == []


def test_a_store_that_is_too_small(
    examples: list[Example], store: ActivationStore
) -> None:
    store.limit_bytes = 3 * 36 * 12 * 2 - 1
    with pytest.raises(RunError, match=r"no room for 2\.6 kB more of activations"):
        load(FakeEngine(), examples, store)
    assert store.entries() == []


def test_the_progress_counts_images_times_views(
    examples: list[Example], store: ActivationStore
) -> None:
    load(FakeEngine(), examples, store, VIEWS[:1])
    reporter = RecordingReporter()
    load(FakeEngine(), examples, store, reporter=reporter)
    (progress,) = reporter.progresses
    assert (progress.title, progress.unit) == ("features", "images")
    assert (progress.total, progress.done) == (72, 72)


def test_both_parts_of_a_cut_network_agree_with_the_whole(
    weights_path: Path, examples: list[Example], store: ActivationStore
) -> None:
    entry = BACKBONES.get("mobilenet-0.25")
    classifier = build_classifier(
        entry, image_size=64, num_classes=3, dropout=0.2, weights_path=weights_path
    )
    pixels = next(
        pixel_batches(examples, [CentralViews(0.9)], image_size=64, batch_size=36)
    )
    logits = classifier.predict_on_batch(pixels)
    for cut in ("conv_pw_11_relu", POOLED):
        network = network_before(classifier, entry, cut)
        (found,) = load_activations(
            network,
            KerasEngine(network.build()),
            examples,
            [CentralViews(0.9)],
            store=store,
            reporter=Reporter(),
            title="features",
        )
        again = model_behind(classifier, cut).predict_on_batch(found[:])
        np.testing.assert_allclose(again, logits, atol=0.01 * np.ptp(logits))


def test_two_processes_at_once_share_the_work(photos_dir: Path, tmp_path: Path) -> None:
    script = f"""
import sys, time
sys.path[:0] = {[str(Path(__file__).parents[depth]) for depth in (0, 2)]!r}
from cnnxfer.keras_backend import import_keras_quietly; import_keras_quietly()
from pathlib import Path
from test_compute import *

def slow(batch):
    time.sleep(0.05)
    return features(batch)

examples = examples_in(Path({str(photos_dir)!r}))
engine = FakeEngine(answer=slow)
store = ActivationStore(Path({str(tmp_path / "activations")!r}), 10**9)
print("ready", flush=True)
sys.stdin.readline()
found = load(engine, examples, store)
check(found, examples)
print(engine.images)
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    images = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert sorted(images) == [0, 3 * 36]
