"""Where JAX alone is installed, heads learn and pictures are answered all the same."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Python runs it at the start of every process, those of decoders included.
HIDES_TENSORFLOW = """
import importlib.machinery, sys

class WithoutTensorFlow(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "tensorflow_datasets"):
            return None
        return super().find_spec(name, path, target)

here = sys.meta_path.index(importlib.machinery.PathFinder)
sys.meta_path[here] = WithoutTensorFlow
"""


class Bare:
    """A machine without TensorFlow: its commands are run in one folder."""

    def __init__(self, folder: Path) -> None:
        """Keeps runs and the cache in a folder that does not exist yet."""
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(HIDES_TENSORFLOW)
        self.folder = folder

    def run(self, *arguments: object, backend: str = "jax") -> tuple[int, str, str]:
        """Runs a command; returns its exit code and what it writes."""
        places = [str(self.folder), *filter(None, sys.path)]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "cnnxfer", *map(str, arguments)],
            cwd=self.folder,
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "PYTHONPATH": os.pathsep.join(places),
            },
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    def succeed(self, *arguments: object) -> str:
        """Runs a command that ends well; returns what it writes to stdout."""
        code, shown, told = self.run(*arguments)
        assert code == 0, told
        return shown


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return Bare(tmp_path / "bare")


def skip_without_jax() -> None:
    if not importlib.util.find_spec("jax"):
        pytest.skip("jax is not installed")


def test_a_head_learns_and_answers(
    bare: Bare, photos_dir: Path, weights_path: Path
) -> None:
    skip_without_jax()
    settings = ["--weights", weights_path, "--image-size", 64, "--split", "60/20/20"]
    training = ["train", photos_dir, "--backbone", "mobilenet-0.25", *settings]
    run = Path(bare.succeed(*training, "--epochs", 20, "--no-report").strip())
    asked = ["--model", bare.folder / run, "--engine", "keras", "--top", 1]
    shown = bare.succeed("predict", photos_dir, *asked, "--format", "jsonl")
    answers = [json.loads(line) for line in shown.splitlines()]
    right = [
        Path(answer["path"]).parent.name == answer["predictions"][0]["label"]
        for answer in answers
    ]
    assert len(right) == 36
    assert sum(right) > 24  # a third would be chance


def test_what_is_missing_is_told(bare: Bare, photos_dir: Path) -> None:
    """With the way out, where another library is there."""
    code, _, told = bare.run("train", photos_dir, backend="tensorflow")
    assert code == 2
    assert "compute with TensorFlow, which is not installed." in told
    if importlib.util.find_spec("jax"):
        assert "another: KERAS_BACKEND=jax" in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_maps_are_learned_on_and_runs_measured_and_compared(
    bare: Bare, shared: Path, photos_dir: Path, weights_path: Path
) -> None:
    """Heads of boxes read kept maps in batches, which threads make ahead."""
    skip_without_jax()
    boxes = shared / "data" / "boxes" / "raccoon"
    network = ["--backbone", "mobilenet-0.25", "--weights", weights_path]
    settings = [*network, "--image-size", 64, "--epochs", 1, "--no-report"]
    run = bare.succeed("train", boxes, *settings).strip()
    test = json.loads(bare.succeed("evaluate", run, "--json"))
    assert test["images"] == 25
    compared = ["--backbones", "mobilenet-0.25", "--weights", "none"]
    rows = json.loads(bare.succeed("compare", photos_dir, *compared, "--json"))
    assert [place["backbone"] for place in rows["places"]] == ["mobilenet-0.25"]
