"""A cluster of two machines in one, with real workers."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.config.prediction import PredictOptions
from cnnxfer.data.images.source import ImageSource, file_source
from cnnxfer.prediction.model_source import find_model
from cnnxfer.prediction.on_ray.classifier import RayClassifier
from cnnxfer.prediction.on_ray.cluster import DIED

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'cnnxfer[ray]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two_machines() -> Iterator[None]:
    """Ray with two nodes of a core each, which this process is connected to."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        small = {"num_cpus": 1, "object_store_memory": 100 << 20}
        head = {"include_dashboard": False, **small}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(**small)
        silent = {"logging_level": logging.ERROR, "log_to_driver": False}
        ray.init(cluster.address, **silent)
        yield
        ray.shutdown()
        cluster.shutdown()


def below(name: str) -> list[int]:
    """Returns the processes below this one with a name in their command, oldest first.

    Other processes of this machine may have such names, too.
    """
    pids = [os.getpid()]
    for pid in pids:  # it grows meanwhile
        with suppress(OSError):  # it has ended
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += map(int, path.read_text().split())
    return sorted(
        pid
        for pid in pids
        if name in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    )


@pytest.fixture
def sources(photos_dir: Path, tmp_path: Path) -> list[ImageSource]:
    """Several hundred images, which are 36 files and one that is none."""
    (tmp_path / "notes.txt").write_text("no image")
    files = [*sorted(photos_dir.rglob("*.jpg")), tmp_path / "notes.txt"]
    return [file_source(str(path)) for path in files * 12]


MODEL = "cnnxfer:efficientnet-lite0"


def answers(
    sources: list[ImageSource], reporter: RecordingReporter, killed: str = ""
) -> list:
    """Returns what two machines answer, one of whose processes may be killed."""
    options = PredictOptions(on="ray", precision="float32")
    found = []
    with RayClassifier(find_model(MODEL), options, reporter) as classifier:
        for each in classifier.predictions(sources):
            if len(found) == 100 and killed:
                os.kill(below(killed)[0], signal.SIGKILL)
            found.append(each.as_json())
    return found


def alone(sources: list[ImageSource]) -> list:
    with cnnxfer.open_classifier(
        MODEL, precision="float32", reporter=None
    ) as classifier:
        return [each.as_json() for each in classifier.predictions(sources)]


def test_two_machines_answer_as_one(
    two_machines: None, sources: list[ImageSource]
) -> None:
    """Also if a decoder is killed, a worker is killed, and an image is deadly."""
    expected = alone(sources)
    reporter = RecordingReporter()
    assert answers(sources, reporter) == expected
    assert reporter.infos == ["ray: 2 workers with 2 cores"]

    assert answers(sources, reporter, killed="ray::Worker.answers") == expected
    assert any("has ended; starting another one" in it for it in reporter.infos)

    found = answers(sources, RecordingReporter(), killed="cnnxfer.data.decoding.child")
    pairs = list(zip(found, expected, strict=True))
    crashed = [one for one, other in pairs if one != other]
    assert len(crashed) <= 1  # the image that it was at, if it was at one
    assert all("crashed the decoder" in each["error"] for each in crashed)

    deadly = ImageSource("deadly.jpg", os.abort, here=True)
    mixed = [*sources[:100], deadly, *sources[100:]]
    found = answers(mixed, RecordingReporter())
    assert found.pop(100) == {"path": "deadly.jpg", "error": DIED}
    assert found == expected


def test_files_and_shards_are_those_of_one_machine(
    two_machines: None, photos_dir: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    answer = partial(
        cnnxfer.predict_into,
        photos_dir,
        model=MODEL,
        precision="float32",
        reporter=None,
    )
    answer(out=out)
    answer(out=other, on="ray")
    assert other.read_bytes() == out.read_bytes()
    lines = out.read_bytes().splitlines(keepends=True)
    answer(out=tmp_path / "c.jsonl", on="ray", shard="2/2")
    assert (tmp_path / "c.jsonl").read_bytes() == b"".join(lines[1::2])
