"""What `cnnxfer cache` shows, and what it does not delete."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnxfer.cli.main import run
from cnnxfer.files import format_bytes
from cnnxfer.reporting import Reporter
from cnnxfer.training.activations.store import ActivationStore

NETWORK = "ab" * 32
ROWS = np.zeros((1000, 50), "<f2")  # 100 kB


@pytest.fixture(autouse=True)
def cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path))
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", "2GB")
    return tmp_path


def cache_activations(views: dict[str, Any], rows: int = 1000) -> Path:
    store = ActivationStore()
    key = {
        "network": NETWORK,
        "engine": "openvino",
        "precision": "bfloat16",
        "views": views,
    }
    about = {
        "backbone": "xception",
        "cut": "pool",
        "image_size": 299,
        "data": "/photos/flowers [new]",
    }
    writer = store.writer(key, about, 1000, Reporter())
    writer.append(ROWS[:rows].tobytes(), rows=rows, row_shape=(50,), exponent=0)
    os.utime(writer.path / "manifest.json", (0, 0))
    os.utime(writer.path / "rows.float16", (0, 0))
    return writer.path


def random_views(number: int) -> dict[str, Any]:
    augmentation = {"crop": 0.9, "flip": True}
    return {
        "views": "random",
        "augmentation": augmentation,
        "seed": 7,
        "number": number,
    }


def fill(cache_dir: Path) -> dict[str, Path]:
    """Fills the cache with everything that belongs there, and with other files."""
    paths = {
        "network": cache_dir / "engines" / ("cd" * 32) / "model.bin",
        "blob": cache_dir / "engines" / ("cd" * 32) / "blobs" / "1.blob",
        "answers": cache_dir / "answers" / ("ab" * 32) / "1.npz",
        "index": cache_dir / "index" / "0123456789abcdef.json",
        "masks": cache_dir / "masks" / "0123456789abcdef.jsonl",
        "output": cache_dir / "outputs" / f"{'ef' * 32}.json",
        "copy": cache_dir / "copies" / "archives" / "flowers-01" / "images.bin",
        "foreign network": cache_dir / "engines" / "mine" / "model.bin",
        "foreign index": cache_dir / "index" / "mine.json",
        "sample": cache_dir / "sample" / "v1" / "flower.png",
        "note": cache_dir / "note.txt",
        "activations' note": cache_dir / "activations" / "note.txt",
    }
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    return paths


def test_an_empty_cache(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cache"]) == 0
    assert "0 B of at most 2.0 GB" in capsys.readouterr().out
    assert run(["cache", "clear"]) == 0
    assert "freed 0 B" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["cache"], ["cache", "show"]])
def test_show(
    command: list[str], cache_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(cache_dir)
    paths = [cache_activations(random_views(number)) for number in range(3)]
    part = cache_activations({"views": "central", "fraction": 0.875}, rows=400)
    size_bytes = sum(file.stat().st_size for path in paths for file in path.iterdir())
    part_bytes = sum(file.stat().st_size for file in part.iterdir())
    assert run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = [re.split(r" {2,}", line.strip()) for line in lines]
    assert cells[0] == [
        "backbone",
        "cut",
        "views",
        "images",
        "precision",
        "size",
        "last used",
        "data",
    ]
    central, random = cells[1], cells[2]
    assert central[:3] == ["xception at 299", "pool", "central, fraction 0.875"]
    assert central[3] == "400 of 1,000"
    assert random[2] == "3 x random, seed 7, crop 0.9, flip"
    assert random[3:5] == ["1,000", "openvino bfloat16"]
    assert random[5] == format_bytes(size_bytes)
    assert random[6].startswith(("1970-01-01", "1969-12-31"))
    assert random[7] == "/photos/flowers [new]"
    assert cells[-8:] == [
        [
            "activations",
            f"{format_bytes(size_bytes + part_bytes)} of at most 2.0 GB",
        ],
        ["converted networks", "2.0 kB"],
        ["answers to images", "1.0 kB"],
        ["index of images", "1.0 kB"],
        ["index of masks", "1.0 kB"],
        ["finished outputs", "1.0 kB"],
        ["copies of data sets", "1.0 kB"],
        ["in", str(cache_dir)],
    ]


def test_show_as_json(cache_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(cache_dir)
    path = cache_activations(random_views(3), rows=10)
    assert run(["cache", "show", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (activations,) = document.pop("activations")
    size_bytes = sum(file.stat().st_size for file in path.iterdir())
    assert document == {
        "path": str(cache_dir),
        "limit_bytes": 2_000_000_000,
        "activations_bytes": size_bytes,
        "engines_bytes": 2000,
        "answers_bytes": 1000,
        "index_bytes": 1000,
        "masks_bytes": 1000,
        "outputs_bytes": 1000,
        "copies_bytes": 1000,
    }
    assert activations.pop("last_used")[:4] in ("1970", "1969")
    assert activations == {
        "backbone": "xception",
        "cut": "pool",
        "image_size": 299,
        "views": random_views(3),
        "engine": "openvino",
        "precision": "bfloat16",
        "data": "/photos/flowers [new]",
        "images": 1000,
        "computed": 10,
        "size_bytes": size_bytes,
        "path": str(path),
    }


def test_damage_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    path = cache_activations(random_views(0))
    (path / "manifest.json").write_text("no manifest")
    assert run(["cache"]) == 0
    damaged = capsys.readouterr().out.splitlines()[1]
    assert damaged.startswith("damaged ")
    assert damaged.rstrip().endswith(str(path))


def test_clear(cache_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = fill(cache_dir)
    entry = cache_activations(random_views(0))
    size_bytes = sum(file.stat().st_size for file in entry.iterdir())
    assert run(["cache", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(cache_dir),
        "activations_bytes": size_bytes,
        "engines_bytes": 2000,
        "answers_bytes": 1000,
        "index_bytes": 1000,
        "masks_bytes": 1000,
        "outputs_bytes": 1000,
        "copies_bytes": 0,
        "freed_bytes": size_bytes + 6000,
    }
    assert not entry.exists()
    left = {name for name, path in paths.items() if path.exists()}
    gone = {"network", "blob", "answers", "index", "masks", "output"}
    assert left == paths.keys() - gone
    assert run(["cache", "clear"]) == 0
    assert f"freed 0 B in {cache_dir}" in capsys.readouterr().out
    assert run(["cache", "clear", "--copies"]) == 0
    assert f"freed 1.0 kB in {cache_dir}" in capsys.readouterr().out
    assert not paths["copy"].exists()
    assert paths["sample"].exists()


def test_clear_shows_what_it_would_free(
    cache_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = fill(cache_dir)
    assert run(["cache", "clear", "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        f"would free 6.0 kB in {cache_dir}: converted networks 2.0 kB, answers to "
        "images 1.0 kB, index of images 1.0 kB, index of masks 1.0 kB, "
        "finished outputs 1.0 kB\n"
    )
    assert run(["cache", "clear", "--dry-run", "--copies", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["copies_bytes"], document["would_free_bytes"]) == (1000, 7000)
    assert all(path.exists() for path in paths.values())


def test_clear_asks_on_a_terminal(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = fill(cache_dir)
    monkeypatch.setattr("cnnxfer.cli.asking.can_ask", lambda: True)
    monkeypatch.setattr("cnnxfer.cli.cache.can_ask", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: "")
    assert run(["cache", "clear"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"Free 6.0 kB in {cache_dir}: converted networks 2.0 kB" in shown.err
    assert shown.err.endswith("1.0 kB? [y/N] nothing was deleted\n")
    assert paths["network"].exists()
    monkeypatch.setattr("builtins.input", lambda: "yes")
    assert run(["cache", "clear"]) == 0
    assert not paths["network"].exists()
    monkeypatch.delattr("builtins.input")
    assert run(["cache", "clear"]) == 0  # nothing to ask about
    assert run(["cache", "clear", "--copies", "--yes"]) == 0
    assert not paths["copy"].exists()


def test_clear_leaves_what_is_being_computed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    entry = cache_activations(random_views(0))
    with ActivationStore().computing(NETWORK, Reporter()):
        assert run(["cache", "clear"]) == 0
    output = capsys.readouterr()
    assert "freed 0 B" in output.out
    assert "1 of the activations stay" in output.err
    assert entry.exists()


def test_a_wrong_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE_LIMIT", "much")
    assert run(["cache"]) == 2
    assert "CNNXFER_CACHE_LIMIT is 'much'" in capsys.readouterr().err
