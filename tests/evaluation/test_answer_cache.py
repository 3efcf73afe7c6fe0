"""Tests of the files in which answers are kept."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from recording_reporter import RecordingReporter

from cnnxfer.evaluation import answer_cache
from cnnxfer.evaluation.answer_cache import AnswerCache
from cnnxfer.evaluation.kept_answers import KeptAnswer

IMAGES = [hashlib.sha256(bytes([number])).hexdigest() for number in range(4)]


@pytest.fixture(autouse=True)
def cache_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path))
    return tmp_path


def boxes(number: int) -> KeptAnswer:
    """Returns as many boxes as a number says, none for 0."""
    found = np.arange(6 * number, dtype=np.float32).reshape(number, 6)
    return KeptAnswer.of(found, (640, 480 + number))


def test_answers_are_found_by_their_images() -> None:
    reporter = RecordingReporter()
    cache = AnswerCache({"network": "a"}, reporter)
    assert cache.find(IMAGES) == {}
    answers = {image: boxes(number) for number, image in enumerate(IMAGES)}
    cache.add({image: answers[image] for image in IMAGES[:3]})
    cache.add({image: answers[image] for image in IMAGES[3:]})
    again = AnswerCache({"network": "a"}, reporter)
    assert again.find(IMAGES) == answers
    assert again.find(IMAGES[1:2]) == {IMAGES[1]: boxes(1)}
    np.testing.assert_array_equal(again.find(IMAGES)[IMAGES[2]].found, boxes(2).found)
    assert AnswerCache({"network": "b"}, reporter).find(IMAGES) == {}
    assert reporter.lines == []


def test_what_was_changed_or_can_be_written_by_others_is_not_used(
    cache_dir: Path,
) -> None:
    reporter = RecordingReporter()
    cache = AnswerCache({}, reporter)
    cache.add({IMAGES[0]: boxes(1)})
    (file,) = cache_dir.glob("answers/*/*.npz")
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    assert cache.find(IMAGES) == {}
    assert reporter.warnings == [f"{file} is not used: it is not what was written"]
    cache.add({IMAGES[0]: boxes(1)})
    assert len(cache.find(IMAGES)) == 1
    file.chmod(0o666)
    assert cache.find(IMAGES) == {}
    cache.add({IMAGES[1]: boxes(1)})  # in place of all that is not trusted
    assert list(cache.find(IMAGES)) == [IMAGES[1]]


def test_answers_that_were_used_longest_ago_make_room(
    cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches = [AnswerCache({"network": name}, RecordingReporter()) for name in "ab"]
    for cache in caches:
        cache.add({IMAGES[0]: boxes(1)})
    files = list(cache_dir.glob("answers/*/*.npz"))
    for file in files:
        os.utime(file, (1, 1))
    assert caches[0].find(IMAGES)  # now it was used later
    size_bytes = files[0].stat().st_size
    monkeypatch.setattr(answer_cache, "LIMIT_BYTES", 5 * size_bytes // 2)
    caches[1].add({IMAGES[1]: boxes(1)})
    assert list(caches[0].find(IMAGES)) == [IMAGES[0]]
    assert list(caches[1].find(IMAGES)) == [IMAGES[1]]


def test_a_cache_that_cannot_be_written_is_told_once(cache_dir: Path) -> None:
    (cache_dir / "answers").write_text("a file")
    reporter = RecordingReporter()
    cache = AnswerCache({}, reporter)
    assert cache.find(IMAGES) == {}
    for image in IMAGES:
        cache.add({image: boxes(1)})
    (warning,) = reporter.warnings
    assert warning.endswith("The next command will answer again.")
