"""Tests that decoding keeps the order and memory limits, and survives bad images."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from decoding import decode_all
from PIL import Image

from cnnxfer.data.decoding import jobs, launch, pool, worker
from cnnxfer.data.decoding.frames import FrameReader
from cnnxfer.data.decoding.jobs import Jobs
from cnnxfer.data.decoding.pool import Decoders
from cnnxfer.data.decoding.worker import DecoderProcess, Worker
from cnnxfer.data.images.decode import decode
from cnnxfer.data.images.memory import SharedBudget
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.images.source import ImageSource, file_source
from cnnxfer.errors import DataError, RunError

# What the processes call; the size of a picture tells them what to do.
LOOKS = """
import os, signal, sys, time
import numpy as np
from cnnxfer.errors import DataError

def size(picture):
    return np.array([picture.width % 256, picture.height % 256], np.uint8)

def process(picture):
    return np.frombuffer(os.getpid().to_bytes(4, "little"), np.uint8)

def slow_process(picture):
    time.sleep(600 if picture.width == 103 else 0.05)
    return process(picture)

def whole(picture):
    return picture.view((0, 0, picture.width, picture.height), 16)

def large(picture):
    return np.full((8, 1000, 1000), picture.width, np.uint8)

def trouble(picture):
    if picture.width == 101: os.kill(os.getpid(), signal.SIGKILL)
    if picture.width == 102: os.abort()
    if picture.width == 103: time.sleep(600)
    if picture.width == 104: raise DataError("not to my liking")
    return size(picture)

def hungry(picture):
    if picture.width == 101: raise MemoryError
    if picture.width == 102: return np.zeros(3, np.uint8).view(Large)
    return size(picture)

class Large(np.ndarray):
    def tobytes(self): raise MemoryError

def large_trouble(picture):
    if picture.width == 5101: os.kill(os.getpid(), signal.SIGKILL)
    if picture.width == 5104: raise DataError("not to my liking")
    return size(picture)

def slow_large(picture):
    if picture.width == 5100: time.sleep(600)
    return size(picture)

def late_read(path):
    time.sleep(1)
    with open(path, "rb") as stream: return stream.read()

def bug(picture):
    return {}["a key"]

def floats(picture):
    return np.zeros(3)

def chatter(picture):
    print("x" * 10_000, flush=True)
    os.write(1, b"more")
    os.write(2, b"of it")
    return size(picture)

def ask(picture):
    assert not sys.stdin.read()
    return size(picture)

def modules(picture):
    raise DataError(" ".join(sys.modules))

def interrupted(picture):
    os.kill(os.getpid(), signal.SIGINT)
    return size(picture)
"""


@pytest.fixture(autouse=True)
def _two_workers(monkeypatch):
    monkeypatch.setattr(pool, "WORKERS", 2)


@pytest.fixture
def looks(tmp_path: Path, monkeypatch):
    """Functions that this process finds by its own path alone."""
    (tmp_path / "looks.py").write_text(LOOKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "looks", raising=False)
    return import_module("looks")


def encoded(width: int, height: int = 8, frames: int = 1, form: str = "GIF") -> bytes:
    colours = [(50 * number % 256, 0, 0) for number in range(frames)]
    first, *others = [Image.new("RGB", (width, height), colour) for colour in colours]
    stream = io.BytesIO()
    first.save(stream, form, save_all=True, append_images=others)
    return stream.getvalue()


def files(folder: Path, *widths: int, frames: int = 1) -> list[ImageSource]:
    sources = []
    for number, width in enumerate(widths):
        path = folder / f"{number:04d}-{width}.gif"
        path.write_bytes(encoded(width, frames=frames))
        sources.append(file_source(str(path)))
    return sources


def in_memory(content: bytes, wait: float = 0) -> ImageSource:
    def read() -> bytes:  # it cannot be pickled
        time.sleep(wait)
        return content

    return ImageSource("memory", read, here=True)


def result_within(seconds: float, function):
    """Returns what a function does, unless it hangs."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, f"still at it after {seconds} s, or failed"
    return found[0]


def widths(records) -> list:
    return [r.error if r.pixels is None else int(r.pixels[0]) for r in records]


def number(record) -> int:
    return int.from_bytes(record.pixels.tobytes(), "little")


def is_alive(process: int) -> bool:
    """Tells whether any thread of a process still runs; one not waited for is dead."""
    try:
        os.kill(process, 0)
        if not Path("/proc/self").exists():
            return True
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" or len(os.listdir(f"/proc/{process}/task")) > 1
    except (ProcessLookupError, FileNotFoundError):
        return False


def ends_within_seconds(process: int) -> bool:
    for _ in range(200):
        if not is_alive(process):
            return True
        time.sleep(0.05)
    return False


def test_records_come_in_order(tmp_path, looks):
    expected = [*range(20, 60), *range(60, 20, -1)]
    sources = files(tmp_path, *expected)
    records = list(decode_all(sources, looks.size, ahead=7))
    assert widths(records) == expected
    assert [record.source for record in records] == sources
    assert {(r.width, r.height, r.frame, r.error) for r in records} == {
        (width, 8, None, None) for width in expected
    }


@pytest.mark.parametrize("frames", ["first", "all"])
def test_records_have_the_sha256_of_the_image(tmp_path, looks, frames):
    still, *_, moving = files(tmp_path, 30), *files(tmp_path, 31, frames=2)
    broken = in_memory(b"no image")
    memory = in_memory(encoded(32))
    records = decode_all([*still, moving, broken, memory], looks.size, frames=frames)
    known = {r.source.name: r.sha256 for r in records if r.error is None}
    assert known == {
        source.name: hashlib.sha256(source.read()).hexdigest()
        for source in (*still, moving, memory)
    }


def test_no_images_give_no_records(looks):
    assert list(decode_all([], looks.size)) == []


def test_workers_give_the_same_pixels_as_this_process(tmp_path, looks):
    rng = np.random.default_rng(0)
    sources = []
    for form in ("JPEG", "PNG", "WEBP"):
        image = Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8))
        path = tmp_path / form
        image.save(path, form)
        sources.append(file_source(str(path)))
    for source, record in zip(sources, decode_all(sources, looks.whole), strict=True):
        expected = looks.whole(Picture(source.read()))
        np.testing.assert_array_equal(record.pixels, expected)


def test_sources_marked_here_are_read_in_this_process(tmp_path, looks):
    def refuse() -> bytes:
        raise DataError("timed out")

    first, last = files(tmp_path, 30, 31)
    memory = in_memory(encoded(32), wait=0.2)
    refused = ImageSource("refused", refuse, here=True)
    sources = [memory, first, refused, in_memory(b""), memory, last]
    expected = [32, 30, "timed out", "empty file", 32, 31]
    assert widths(decode_all(sources, looks.size)) == expected


def test_an_image_that_crashes_its_decoder_fails_alone(tmp_path, looks, monkeypatch):
    monkeypatch.setattr(pool, "TIME_LIMIT_SECONDS", 1.0)
    killed = "crashed the decoder (SIGKILL)"
    reasons = {101: killed, 102: "crashed the decoder (SIGABRT)"}
    reasons |= {103: "took over 1 s to decode", 104: "not to my liking"}
    given = [20, 101, 101, 21, 102, 22, 103, 104, 23, 101, 24, 25, 101]
    records = list(decode_all(files(tmp_path, *given), looks.trouble))
    assert widths(records) == [reasons.get(width, width) for width in given]


def test_running_out_of_memory_fails_one_image_only(tmp_path, looks):
    def read() -> bytes:
        raise MemoryError

    [pages] = files(tmp_path, 101, frames=2)
    sources = [
        *files(tmp_path, 30, 101, 31, 102, 32),
        ImageSource("memory", read, here=True),
        in_memory(encoded(33)),
    ]
    little, ended = "too little memory", "crashed the decoder (exit code 1)"
    records = decode_all(sources, looks.hungry)
    assert widths(records) == [30, little, 31, ended, 32, little, 33]
    [frame] = decode_all([pages], looks.hungry, frames="all")
    assert (frame.frame, frame.error) == (0, little)


def test_the_time_limit_is_per_frame(tmp_path, looks, monkeypatch):
    monkeypatch.setattr(pool, "TIME_LIMIT_SECONDS", 0.5)
    [pages] = files(tmp_path, 30, frames=30)  # 1.5 s together
    records = list(decode_all([pages], looks.slow_process, frames="all"))
    assert [record.error for record in records] == [None] * 30


def test_a_slow_consumer_does_not_count_towards_the_time_limit(
    tmp_path, looks, monkeypatch
):
    monkeypatch.setattr(pool, "TIME_LIMIT_SECONDS", 0.5)
    [pages] = files(tmp_path, 30, frames=8)
    records = decode_all([pages], looks.large, frames="all", ahead=1)
    next(records)
    time.sleep(1.5)  # the process has a record that no pipe can hold
    assert [record.error for record in records] == [None] * 7


def test_an_idle_worker_that_is_killed_is_replaced(tmp_path, looks, monkeypatch):
    monkeypatch.setattr(pool, "WORKERS", 1)
    one, other = files(tmp_path, 30, 31)

    def sources():
        yield one
        os.kill(number(record), signal.SIGKILL)
        assert ends_within_seconds(number(record))
        yield other

    records = decode_all(sources(), looks.process, ahead=1)
    record = next(records)
    [second] = records
    assert second.error is None
    assert number(second) != number(record)


def test_no_more_workers_start_than_there_are_images(tmp_path, looks, monkeypatch):
    started = []

    def start(*args) -> Worker:
        started.append(Worker(*args))
        return started[-1]

    monkeypatch.setattr(pool, "Worker", start)
    list(decode_all(files(tmp_path, 30), looks.size))
    assert len(started) == 1
    list(decode_all(files(tmp_path, *[30] * 20), looks.size))
    assert len(started) == 1 + 2


def test_all_workers_are_used(tmp_path, looks):
    sources = files(tmp_path, *[30] * 40)
    assert len({number(r) for r in decode_all(sources, looks.slow_process)}) == 2


def test_no_more_sources_are_read_ahead_than_allowed(tmp_path, looks):
    taken = []
    sources = files(tmp_path, *range(20, 50))
    records = decode_all((taken.append(s) or s for s in sources), looks.size, ahead=5)
    for count, _ in enumerate(records, 1):
        assert len(taken) <= count + 5


def test_few_sources_that_take_memory_are_read_ahead(tmp_path, looks, monkeypatch):
    monkeypatch.setattr(pool, "BYTES_PER_WORKER", 1000)
    taken = []

    def sources():
        for number in range(12):
            taken.append(number)
            yield replace(in_memory(encoded(30)), size_bytes=1000)

    for count, _ in enumerate(decode_all(sources(), looks.slow_process), 1):
        assert len(taken) <= count + 2
    assert len(taken) == count == 12


def test_records_do_not_wait_for_the_next_source(tmp_path, looks):
    come = threading.Event()

    def sources():
        yield first
        assert come.wait(60)
        yield second

    first, second = files(tmp_path, 30, 31)
    records = decode_all(sources(), looks.size)
    assert result_within(30, lambda: next(records)).source is first
    come.set()
    assert result_within(30, lambda: next(records)).source is second


def test_an_error_of_the_sources_is_raised_after_earlier_records(tmp_path, looks):
    def sources():
        yield from files(tmp_path, 30, 31)
        raise OSError("no more")

    records = decode_all(sources(), looks.slow_process)
    assert [next(records).error for _ in range(2)] == [None] * 2
    with pytest.raises(OSError, match="no more"):
        next(records)


def test_a_consumer_that_stops_does_not_wait_for_sources(tmp_path, looks):
    come = threading.Event()

    def sources():
        yield from files(tmp_path, 30)
        come.wait(60)

    records = decode_all(sources(), looks.process)
    process = number(next(records))
    result_within(30, lambda: records.close() or True)
    assert not is_alive(process)
    come.set()


@pytest.mark.parametrize("frames", ["first", "all"])
@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_frames_have_records_of_their_own_if_asked_for(tmp_path, looks, form, frames):
    path = tmp_path / "several"
    path.write_bytes(encoded(30, frames=5, form=form))
    [single] = files(tmp_path, 31)
    records = list(
        decode_all([file_source(str(path)), single], looks.size, frames=frames)
    )
    numbers = [None] if frames == "first" else list(range(5))
    assert [record.frame for record in records] == [*numbers, None]
    assert widths(records) == [*[30] * len(numbers), 31]


def test_a_frame_that_crashes_is_named(tmp_path, looks, monkeypatch):
    # The third page of a TIFF is of another size.
    pages = [Image.new("L", (width, 8)) for width in (30, 31, 101, 33)]
    path = tmp_path / "pages.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    [after] = files(tmp_path, 40)
    sources = [file_source(str(path)), after]
    records = list(decode_all(sources, looks.trouble, frames="all"))
    assert widths(records) == [30, 31, "crashed the decoder (SIGKILL)", 40]
    assert [record.frame for record in records] == [0, 1, 2, None]


def test_pages_after_a_broken_one_are_decoded(tmp_path, looks):
    pages = [Image.new("L", (width, 8)) for width in (30, 104, 32)]
    path = tmp_path / "pages.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:])
    records = list(decode_all([file_source(str(path))], looks.trouble, frames="all"))
    assert widths(records) == [30, "not to my liking", 32]


class Watched(Jobs):
    """Jobs that remember the most records that waited at a time."""

    most = 0

    def put(self, job, record) -> None:
        super().put(job, record)
        Watched.most = max(Watched.most, self._waiting_records)


def test_the_number_of_frames_waiting_for_a_consumer_is_limited(
    tmp_path, looks, monkeypatch
):
    monkeypatch.setattr(pool, "Jobs", Watched)
    monkeypatch.setattr(Watched, "most", 0)
    sources = files(tmp_path, 30, 31, 32, frames=200)
    records = decode_all(sources, looks.size, frames="all", ahead=10)
    next(records)
    time.sleep(0.5)
    assert Watched.most <= 10 + 2
    assert len(list(records)) == 599
    assert Watched.most <= 10 + 2


@pytest.mark.parametrize("ahead", [1, 2, 3, 30])
def test_many_frames_and_slow_sources_do_not_deadlock(tmp_path, looks, ahead):
    many = files(tmp_path, 30, 31, 32, 33, frames=50)
    slow = in_memory(encoded(34, frames=20), wait=0.2)
    sources = [slow, *many, slow, *many, slow]
    counts = [20, *[50] * 4, 20, *[50] * 4, 20]

    def run():
        return list(decode_all(sources, looks.size, frames="all", ahead=ahead))

    records = result_within(60, run)
    assert [record.error for record in records] == [None] * sum(counts)
    order = [s for s, count in zip(sources, counts, strict=True) for _ in range(count)]
    assert [record.source for record in records] == order


def test_large_jobs_and_large_records_do_not_deadlock(looks):
    content = encoded(30) + bytes(5_000_000)  # more than a pipe holds, both ways
    sources = [in_memory(content)] * 12
    records = result_within(60, lambda: list(decode_all(sources, looks.large)))
    assert [record.pixels.shape for record in records] == [(8, 1000, 1000)] * 12
    assert all((record.pixels == 30).all() for record in records)


def test_the_bytes_read_ahead_of_the_workers_are_limited(looks, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_UNSENT_BYTES", 1_000_000)
    read = []

    def source():
        content = encoded(30) + bytes(1_000_000)
        return ImageSource("memory", lambda: read.append(1) or content, here=True)

    records = decode_all([source() for _ in range(64)], looks.slow_process, ahead=64)
    next(records)
    assert len(read) < 32  # 8 at once, and what the workers hold
    assert sum(1 for _ in records) == 63


def test_sources_being_read_count_towards_the_memory_limit(looks, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_UNSENT_BYTES", 1_000_000)
    lock, reading, most = threading.Lock(), [], []

    def read() -> bytes:
        with lock:
            reading.append(1)
            most.append(len(reading))
        time.sleep(0.05)
        with lock:
            reading.pop()
        if len(most) % 2:
            raise DataError("damaged")
        return encoded(30)

    source = ImageSource("memory", read, here=True, size_bytes=1_000_000)
    assert len(list(decode_all([source] * 20, looks.size))) == 20
    assert max(most) <= 2  # one, and the one that the consumer waits for
    small = replace(source, size_bytes=250_000)
    reasons = widths(decode_all([small] * 20, looks.size))
    assert set(reasons) == {30, "damaged"}
    assert max(most) > 2


def test_reserved_memory_is_released_after_reading(monkeypatch):
    monkeypatch.setattr(jobs, "MAX_UNSENT_BYTES", 1000)
    queue = Jobs(ahead=9, max_bytes=10_000)
    for _ in range(3):
        queue.add(replace(in_memory(b""), size_bytes=1000))
    first = result_within(10, queue.next_unread)
    queue.put_content(first, b"little")
    second = result_within(10, queue.next_unread)
    queue.finish(second)  # it could not be read
    assert result_within(10, queue.next_unread) not in (first, second)


def test_a_picture_over_the_limit_is_refused(tmp_path, looks):
    records = decode_all(files(tmp_path, 100, 30), looks.size, max_pixels=100 * 8 - 1)
    reason = "over 0.000799 megapixels, the limit"
    assert widths(records) == [reason, 30]
    records = decode_all(files(tmp_path, 100, 30), looks.size, max_pixels=100 * 8)
    assert widths(records) == [100, 30]


def test_a_consumer_that_stops_ends_the_processes(tmp_path, looks):
    sources = [*files(tmp_path, *[30] * 30), in_memory(encoded(30), wait=30)]
    records = decode_all(sources, looks.slow_process)
    processes = {number(next(records)) for _ in range(10)}
    assert all(is_alive(process) for process in processes)
    start = time.monotonic()
    records.close()
    assert time.monotonic() - start < 10  # it doesn't wait for what is being read
    assert not any(is_alive(process) for process in processes)


def test_the_processes_end_after_the_last_record(tmp_path, looks):
    sources = files(tmp_path, *[30] * 10)
    processes = {number(record) for record in decode_all(sources, looks.process)}
    assert not any(is_alive(process) for process in processes)


def test_the_processes_stay_from_one_sequence_to_the_next(tmp_path, looks):
    decoders = Decoders(FrameReader(looks.process))
    first, second = (
        [number(record) for record in decoders.decode(sources)]
        for sources in (files(tmp_path, 30), [in_memory(encoded(30)), *files(tmp_path)])
    )
    assert len(first) == 1
    assert first == second
    assert is_alive(first[0])
    records = decoders.decode(files(tmp_path, 30, 30))
    next(records)
    records.close()
    assert decoders.closed
    assert not is_alive(first[0])


SCRIPT = """
import sys, time
from cnnxfer.data.decoding.frames import FrameReader
from cnnxfer.data.decoding.pool import Decoders
from cnnxfer.data.images.source import file_source
import looks
print("started", flush=True)
decoders = Decoders(FrameReader(looks.slow_process))
records = decoders.decode(map(file_source, sys.argv[1:]))
for number, record in enumerate(records, 1):
    print(int.from_bytes(record.pixels.tobytes(), "little"), flush=True)
    if number == 20:
        time.sleep(600)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize(
    "more", [[], [30] * 100, [103] * 4], ids=["at rest", "at work", "at one picture"]
)
def test_the_processes_end_when_their_script_is_killed(tmp_path, looks, sent, more):
    # The script has no guard, and would start itself again if it were imported.
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    sources = files(tmp_path, *[30] * 20, *more)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with subprocess.Popen(
        [sys.executable, script, *[source.name for source in sources]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout.readline() == "started\n"
        processes = {int(running.stdout.readline()) for _ in range(20)}
        groups = set(map(os.getpgid, processes))
        os.killpg(running.pid, sent)  # as a terminal does
        output, errors = running.communicate(timeout=60)
    assert running.pid not in groups  # nor does Ctrl-Z stop them, and their time go on
    assert "started" not in output
    assert "KeyboardInterrupt" in errors or sent == signal.SIGKILL
    assert errors.count("Traceback") <= 1
    assert all(ends_within_seconds(process) for process in processes)


def test_a_process_that_was_launched_ahead_decodes_first(tmp_path, looks, monkeypatch):
    monkeypatch.setattr(launch, "_ahead", {})
    launch.launch_ahead()
    (ahead,) = launch._ahead.values()
    (record,) = decode_all(files(tmp_path, 30), looks.process)
    assert number(record) == ahead.process.pid


def test_a_process_that_was_launched_ahead_for_other_modules_waits(
    tmp_path, looks, monkeypatch
):
    monkeypatch.setattr(launch, "_ahead", {})
    launch.launch_ahead()
    (ahead,) = launch._ahead.values()
    with monkeypatch.context() as changed:
        changed.setattr(sys, "path", [*sys.path, str(tmp_path)])
        (record,) = decode_all(files(tmp_path, 30), looks.process)
    assert number(record) != ahead.process.pid
    assert launch.launch() is ahead
    ahead.process.kill()
    ahead.process.wait()


def test_a_process_that_was_launched_ahead_and_has_died_is_not_used(
    tmp_path, looks, monkeypatch
):
    monkeypatch.setattr(launch, "_ahead", {})
    launch.launch_ahead()
    (ahead,) = launch._ahead.values()
    ahead.process.kill()
    ahead.process.wait()
    (record,) = decode_all(files(tmp_path, 30), looks.process)
    assert record.error is None
    assert number(record) != ahead.process.pid


def test_a_process_that_was_launched_ahead_for_nothing_ends():
    code = (
        "from cnnxfer.data.decoding import launch; launch.launch_ahead();"
        "print(*(it.process.pid for it in launch._ahead.values()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert ends_within_seconds(int(result.stdout)), result.stderr


def test_workers_ignore_interrupts(tmp_path, looks):
    assert widths(decode_all(files(tmp_path, 30), looks.interrupted)) == [30]


def test_workers_do_not_import_heavy_packages(tmp_path, looks):
    [record] = decode_all(files(tmp_path, 30), looks.modules)
    loaded = set(record.error.split())
    assert {"numpy", "PIL.Image", "cnnxfer.data.images.picture"} <= loaded
    heavy = {"keras", "tensorflow", "openvino", "rich", "typer", "pytest", "filelock"}
    heavy.add("cnnxfer.config")  # a fifth of the time to start
    assert not heavy & loaded


@pytest.mark.parametrize("look", ["chatter", "ask"])
def test_output_of_workers_is_discarded(tmp_path, looks, look, capfd):
    assert widths(decode_all(files(tmp_path, 30, 31), getattr(looks, look))) == [30, 31]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("look", "said"), [("bug", "KeyError: 'a key'"), ("floats", "float64")]
)
def test_an_unexpected_error_in_a_worker_keeps_its_traceback(
    tmp_path, looks, look, said
):
    with pytest.raises(RuntimeError, match=said) as caught:
        list(decode_all(files(tmp_path, 30), getattr(looks, look)))
    assert "looks.py" in str(caught.value) or look == "floats"


def test_an_unexpected_error_of_a_source_is_raised(looks):
    broken = ImageSource("broken", lambda: {}["a key"], here=True)
    with pytest.raises(KeyError, match="a key"):
        list(decode_all([broken], looks.size))


def test_a_function_that_cannot_be_pickled_is_an_error(tmp_path, looks):
    [source] = files(tmp_path, 30)
    with pytest.raises(Exception, match="pickle"):
        decode_all([source], lambda picture: looks.size(picture))
    with pytest.raises(Exception, match="pickle"):
        list(decode_all([ImageSource("here?", lambda: b"")], looks.size))


def test_a_worker_that_cannot_be_started_is_an_error(tmp_path, looks, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(
        RunError, match=r"nowhere' cannot be started: no such file.*ulimit"
    ):
        decode_all([], looks.size)


def test_decoding_goes_on_if_further_workers_cannot_be_started(
    tmp_path, looks, monkeypatch
):
    tried = []
    original = DecoderProcess.__init__

    def start(self, setup):
        tried.append(self)
        if len(tried) > 1:
            raise RunError("too many processes")
        original(self, setup)

    monkeypatch.setattr(DecoderProcess, "__init__", start)
    records = list(decode_all(files(tmp_path, *[30] * 20), looks.slow_process))
    assert [record.error for record in records] == [None] * 20
    assert len(tried) == 2


def test_entries_of_sys_path_that_are_not_strings_are_ignored(
    tmp_path, looks, monkeypatch
):
    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path])
    assert widths(decode_all(files(tmp_path, 30), looks.size)) == [30]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not of this system")
def test_there_are_as_many_workers_as_usable_cores():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from cnnxfer.data.decoding.pool import WORKERS; print(WORKERS)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert result.stdout.strip() == b"1", result.stderr


def test_a_worker_that_exits_at_its_start_is_an_error(tmp_path, looks, monkeypatch):
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho that went wrong >&2\nexit 3\n")
    fake.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(RunError, match=r"could not start: that went wrong. See what"):
        list(decode_all(files(tmp_path, 30), looks.size))


def test_a_worker_is_started_before_the_first_image_is_asked_for(
    tmp_path, looks, monkeypatch
):
    started = []
    original = DecoderProcess.__init__

    def start(self, setup):
        original(self, setup)
        started.append(self)

    monkeypatch.setattr(DecoderProcess, "__init__", start)
    records = decode_all(files(tmp_path, 30), looks.size)
    assert len(started) == 1
    assert widths(records) == [30]
    assert len(started) == 1


def test_workers_decode_photographs_as_this_process_does(shared: Path, looks):
    paths = sorted(shared.glob("data/imagenet100/*"))[::25]
    records = decode_all(map(file_source, map(str, paths)), partial(looks.whole))
    for path, record in zip(paths, records, strict=True):
        assert (record.width, record.height) == decode(path.read_bytes()).size
        expected = looks.whole(Picture(path.read_bytes()))
        np.testing.assert_array_equal(record.pixels, expected)


class Counting(SharedBudget):
    """A budget that remembers the most that was counted at a time."""

    most = 0

    def wait(self, size_bytes: int) -> None:
        super().wait(size_bytes)
        self.most = max(self.most, self._counted_bytes)


def test_the_memory_of_large_pictures_is_counted_over_all_processes(
    tmp_path, looks, monkeypatch
):
    budget = Counting(100_000_000)
    monkeypatch.setattr(worker, "budget", budget)
    sources = []
    for number, width in enumerate((5101, 5104, 5101, 5100, 5100, 5100)):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (width, 4000)).save(path, compress_level=1)
        sources.append(file_source(str(path)))
    errors = [record.error for record in decode_all(sources, looks.large_trouble)]
    killed = "crashed the decoder (SIGKILL)"
    assert errors == [killed, "not to my liking", killed, None, None, None]
    assert 80_000_000 < budget.most < 100_000_000  # each takes 82 MB
    assert budget._counted_bytes == 0


def test_waiting_for_memory_does_not_count_towards_the_time_limit(
    tmp_path, looks, monkeypatch
):
    monkeypatch.setattr(pool, "TIME_LIMIT_SECONDS", 1.0)
    budget = SharedBudget(100_000_000)
    monkeypatch.setattr(worker, "budget", budget)
    budget.wait(90_000_000)
    threading.Timer(2.5, budget.release, [90_000_000]).start()
    path = tmp_path / "large.png"
    Image.new("RGB", (5100, 4000)).save(path, compress_level=1)
    small = files(tmp_path, 30)
    [large, other] = decode_all([file_source(str(path)), *small], looks.size)
    assert (large.error, other.error) == (None, None)


def test_closing_does_not_wait_for_memory(tmp_path, looks, monkeypatch):
    budget = SharedBudget(100_000_000)
    monkeypatch.setattr(worker, "budget", budget)
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path in paths:
        Image.new("RGB", (5100, 4000)).save(path, compress_level=1)
    sources = [file_source(str(path)) for path in paths]
    records = decode_all([*files(tmp_path, 30), *sources], looks.slow_large)
    next(records)
    time.sleep(1)  # one works for long, and the other waits for it
    result_within(10, lambda: records.close() or True)
    assert budget._counted_bytes == 0


def test_a_picture_waits_for_no_memory_of_one_that_waits_for_the_consumer(
    tmp_path, looks, monkeypatch
):
    """The second one gets its memory when frames have filled the room for records."""
    monkeypatch.setattr(pool, "WORKERS", 3)
    budget = SharedBudget(100_000_000)
    monkeypatch.setattr(worker, "budget", budget)
    budget.wait(90_000_000)
    threading.Timer(1.5, budget.release, [90_000_000]).start()
    path = str(tmp_path / "large.png")
    Image.new("RGB", (5100, 4000)).save(path, compress_level=1)
    awaited = ImageSource("late", partial(looks.late_read, path))
    sources = [awaited, file_source(path), *files(tmp_path, 30, frames=9)]
    records = decode_all(sources, looks.size, ahead=3, frames="all")
    assert result_within(20, lambda: widths(records)) == 2 * [5100 % 256] + 9 * [30]
