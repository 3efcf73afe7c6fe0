import errno
import gzip
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from predicted import predicted
from recording_reporter import RecordingReporter

from cnnxfer.cache import cache_dir
from cnnxfer.data.images.source import ImageSource, file_source
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.files import write_json_with_hash
from cnnxfer.prediction.outputs.jsonl import write_jsonl
from cnnxfer.prediction.outputs.resumable_file import (
    ResumableFile,
    check_resumable_file,
    open_resumable_file,
)
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.tasks.classification import BestClass

READ = partial(BestClass().read, min_confidence=None)
SETTINGS: dict[str, Any] = {"model": "m", "top": 2, "min_confidence": None}
# Twice the same one, one that is not UTF-8, and one with a newline.
NAMES = ["0.jpg", "1.jpg", "1.jpg", "a\n\udcff.jpg", "4.jpg", "5.jpg"]
FRAMES = {"clip.gif": 3}


def answers(sources: Iterator[ImageSource]) -> Iterator[Prediction]:
    """Yields a different prediction for each image, and an error for the fifth."""
    for source in sources:
        for number in range(FRAMES.get(source.name, 1)):
            frame = number if source.name in FRAMES else None
            if source.name == "4.jpg":
                yield predicted(source.name, error="not an image", source=source)
                continue
            probability = (len(source.name) + number) / 100
            ranking = (RankedClass(1, "n1", "ä", probability),)
            yield predicted(source.name, 4, 3, ranking, frame=frame, source=source)


def sources(names: Sequence[str]) -> Iterator[ImageSource]:
    return (file_source(name) for name in names)


def run(
    path: Path,
    names: Sequence[str] = NAMES,
    *,
    resume: bool = False,
    settings: dict[str, Any] = SETTINGS,
    stop: int | None = None,
    reporter: Reporter | None = None,
) -> list[Prediction]:
    """Writes a file; an error interrupts it after `stop` new predictions."""
    seen = []

    def interrupted_after_stop(journal: ResumableFile) -> Iterator[Prediction]:
        images = sources(names)
        new = answers(images)
        for prediction in chain(
            journal.earlier_predictions(images, answers), islice(new, stop)
        ):
            seen.append(prediction)
            yield prediction
        if stop is not None:
            raise KeyboardInterrupt

    reporter = reporter or RecordingReporter()
    read = partial(BestClass().read, min_confidence=settings["min_confidence"])
    with open_resumable_file(path, settings, read, reporter, resume=resume) as journal:
        journal.write(interrupted_after_stop(journal))
    return seen


def uninterrupted(names: Sequence[str] = NAMES) -> bytes:
    stream = io.StringIO()
    write_jsonl(answers(sources(names)), stream)
    return stream.getvalue().encode()


def content(path: Path) -> bytes:
    read = path.read_bytes()
    return gzip.decompress(read) if path.suffix == ".gz" else read


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.fixture(params=["a.jsonl", "a.jsonl.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder / request.param


def part_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def test_a_complete_run_leaves_only_the_file(path: Path) -> None:
    run(path)
    assert content(path) == uninterrupted()
    assert files(path.parent) == [path.name]


def going_on(done: int, path: Path) -> str:
    """What is said of a file with so many images, the fifth of which was unreadable."""
    message = f"going on after {counted(done, 'image')} of {path}"
    if done > NAMES.index("4.jpg"):
        message += "; trying 1 unreadable one of them again"
    return message


@pytest.mark.parametrize("stop", range(1, len(NAMES) + 1))
def test_an_interrupted_run_is_resumed(path: Path, stop: int) -> None:
    reporter = RecordingReporter()
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=stop, reporter=reporter)
    part = part_of(path)
    assert part.read_bytes() == b"".join(uninterrupted().splitlines(True)[:stop])
    assert files(path.parent) == [part.name, f"{part.name}.settings"]
    assert reporter.infos == [f"predictions are kept in {part}; add: resume=True"]

    reporter = RecordingReporter()
    seen = run(path, resume=True, reporter=reporter)
    assert content(path) == uninterrupted()
    assert files(path.parent) == [path.name]
    assert reporter.infos == [going_on(stop, part)]
    # What was there from before flows by as if it had just been answered.
    assert seen == list(answers(sources(NAMES)))
    assert [p.source and p.source.name for p in seen] == NAMES


def test_a_resumed_compressed_file_has_the_same_bytes(tmp_path: Path) -> None:
    run(tmp_path / "whole.jsonl.gz")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.jsonl.gz", stop=3)
    run(tmp_path / "a.jsonl.gz", resume=True)
    whole = (tmp_path / "whole.jsonl.gz").read_bytes()
    assert (tmp_path / "a.jsonl.gz").read_bytes() == whole


@pytest.mark.parametrize(
    "torn",
    [
        b'{"path": "4.jp',
        b'{"path": "4.jpg", "error": "not an image"}',  # only the line's end lacks
        b"\0\0\0\n",
        b'{"path": "4.jpg"}\n',
        b"[]\n{}\n",
    ],
)
def test_an_incomplete_last_line_is_computed_again(path: Path, torn: bytes) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=3)
    with part_of(path).open("ab") as stream:
        stream.write(torn)
    with open_resumable_file(
        path, SETTINGS, READ, RecordingReporter(), resume=True
    ) as journal:
        assert journal.done == 3
    run(path, resume=True)
    assert content(path) == uninterrupted()


@pytest.mark.parametrize("stop", range(1, 9))
def test_an_image_with_missing_frames_is_computed_again(path: Path, stop: int) -> None:
    names = ["0.jpg", "clip.gif", "clip.gif", "1.jpg"]  # 1, 3, 3 and 1 predictions
    with pytest.raises(KeyboardInterrupt):
        run(path, names, stop=stop)
    with open_resumable_file(
        path, SETTINGS, READ, RecordingReporter(), resume=True
    ) as journal:
        # A new file begins after 1, 4, and 7; that it does shows that one was whole.
        assert journal.done == {1: 1, 2: 1, 3: 1, 4: 1, 5: 4, 6: 4, 7: 4, 8: 8}[stop]
    run(path, names, resume=True)
    assert content(path) == uninterrupted(names)


@pytest.mark.parametrize("stop", [3, None])
def test_images_that_could_not_be_read_are_asked_again(
    path: Path, stop: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["0.jpg", "clip.gif", "1.jpg", "b.jpg", "clip.gif", "2.jpg"]

    def failing(images: Iterator[ImageSource]) -> Iterator[Prediction]:
        for source in images:
            if source.name == "0.jpg":
                yield from answers_now(iter([source]))
            else:
                yield predicted(source.name, error="permission denied")

    answers_now = answers
    with (
        monkeypatch.context() as patch,
        pytest.raises(KeyboardInterrupt) if stop else nullcontext(),
    ):
        patch.setitem(globals(), "answers", failing)
        run(path, names, stop=stop)
    reporter = RecordingReporter()
    assert run(path, names, resume=True, reporter=reporter) == list(
        answers(sources(names))
    )
    assert content(path) == uninterrupted(names)
    assert files(path.parent) == [path.name]
    (said,) = reporter.infos
    assert said.endswith(f"; trying {2 if stop else 5} unreadable ones of them again")


def test_an_interruption_while_images_are_asked_again_loses_nothing(
    path: Path,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=5)
    before = part_of(path).read_bytes()

    def interrupted(images: Iterator[ImageSource]) -> Iterator[Prediction]:
        raise KeyboardInterrupt
        yield

    images = sources(NAMES)
    with (
        pytest.raises(KeyboardInterrupt),
        open_resumable_file(
            path, SETTINGS, READ, RecordingReporter(), resume=True
        ) as journal,
    ):
        journal.write(journal.earlier_predictions(images, interrupted))
    assert part_of(path).read_bytes() == before
    run(path, resume=True)
    assert content(path) == uninterrupted()


def test_an_unfinished_file_is_not_overwritten(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=2)
    before = part_of(path).read_bytes()
    with pytest.raises(ConfigError, match=r"part holds .* resume=True, or remove it"):
        check_resumable_file(path, resume=False)
    with pytest.raises(ConfigError, match="resume=True"):
        run(path)
    assert part_of(path).read_bytes() == before
    check_resumable_file(path, resume=True)


def test_other_settings_are_refused(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=2)
    before = part_of(path).read_bytes()
    message = r"was made with top 2, and now it is 5\. Use the same setting, or remove"
    with pytest.raises(ConfigError, match=message):
        run(path, resume=True, settings=SETTINGS | {"top": 5})
    with pytest.raises(ConfigError, match=r"tta not set, and now it is flip\."):
        run(path, resume=True, settings=SETTINGS | {"tta": "flip"})
    assert part_of(path).read_bytes() == before


def test_settings_are_compared_in_their_json_form(path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=2, settings=SETTINGS | {"scales": (1, 2)})
    run(path, resume=True, settings=SETTINGS | {"scales": (1, 2)})


@pytest.mark.parametrize("damage", ["remove", "change"])
def test_missing_or_changed_settings_are_refused(path: Path, damage: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=2)
    settings = part_of(path).with_name(f"{path.name}.part.settings")
    if damage == "remove":
        settings.unlink()
    else:
        settings.write_text(settings.read_text().replace('"top": 2', '"top": 5'))
    with pytest.raises(
        ConfigError, match=r"settings of .* are not known: .* Remove .*\.part to start"
    ):
        run(path, resume=True, settings=SETTINGS | {"top": 5})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["0.jpg", "x.jpg", *NAMES[2:]],
            "line 2 is for 1.jpg, and the inputs now have x.jpg",
        ),
        (NAMES[1:], "line 1 is for 0.jpg, and the inputs now have 1.jpg"),
        (NAMES[:2], "line 3 is for 1.jpg, and the inputs now have no image"),
    ],
)
def test_other_images_are_refused(path: Path, names: list[str], message: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=3)
    before = part_of(path).read_bytes()
    with pytest.raises(DataError, match=message):
        run(path, names, resume=True)
    assert part_of(path).read_bytes() == before
    run(path, resume=True)
    assert content(path) == uninterrupted()


def test_earlier_unsure_predictions_stay_unsure(path: Path) -> None:
    settings = SETTINGS | {"min_confidence": 0.5}
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=2, settings=settings)
    seen = run(path, resume=True, settings=settings)
    assert [prediction.unsure for prediction in seen[:2]] == [True, True]


def test_without_earlier_predictions_resume_starts_at_the_beginning(path: Path) -> None:
    reporter = RecordingReporter()
    run(path, resume=True, reporter=reporter)
    assert content(path) == uninterrupted()
    assert reporter.infos == ["nothing to resume: starting from the beginning"]


def test_a_run_without_predictions_leaves_no_file(path: Path) -> None:
    reporter = RecordingReporter()
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=0, reporter=reporter)
    assert files(path.parent) == []
    assert reporter.infos == []
    run(path)
    assert content(path) == uninterrupted()


def test_resuming_a_finished_file_computes_nothing(path: Path) -> None:
    run(path)
    before = path.read_bytes()
    reporter = RecordingReporter()
    seen = run(path, resume=True, stop=None, reporter=reporter)
    assert len(seen) == len(NAMES)
    assert path.read_bytes() == before
    assert reporter.infos == [going_on(6, path)]


def test_a_finished_file_is_extended_by_new_images(path: Path) -> None:
    run(path)
    more = [*NAMES, "new.jpg"]
    with open_resumable_file(
        path, SETTINGS, READ, RecordingReporter(), resume=True
    ) as journal:
        assert journal.done == 6
    run(path, more, resume=True)
    assert content(path) == uninterrupted(more)
    assert files(path.parent) == [path.name]


def test_a_finished_file_of_other_images_is_not_changed(path: Path) -> None:
    run(path)
    before = path.read_bytes()
    with pytest.raises(
        DataError, match=r"line 1 is for 0\.jpg, and the inputs now have x"
    ):
        run(path, ["x.jpg"], resume=True)
    assert path.read_bytes() == before
    assert files(path.parent) == [path.name]


@pytest.mark.parametrize("change", ["settings", "content", "record"])
def test_a_finished_file_without_a_matching_record_is_not_resumed(
    path: Path, change: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    run(path)
    settings = SETTINGS
    if change == "settings":
        settings = SETTINGS | {"top": 1}
    elif change == "content":
        path.write_bytes(path.read_bytes() * 2)
    else:
        for record in (cache_dir() / "outputs").iterdir():
            record.write_text(record.read_text()[:-1])
    reporter = RecordingReporter()
    run(path, resume=True, settings=settings, reporter=reporter)
    assert reporter.infos == ["nothing to resume: starting from the beginning"]
    assert content(path) == uninterrupted()


def test_a_kill_before_the_part_is_removed_does_no_harm(path: Path) -> None:
    """The part of a compressed file is removed only when the file is complete."""
    with pytest.raises(KeyboardInterrupt):
        run(path, stop=len(NAMES))
    path.write_bytes(b"whole")
    run(path, resume=True)
    assert content(path) == uninterrupted()
    # And settings that were left over are written anew.
    write_json_with_hash(path.with_name(f"{path.name}.part.settings"), {"top": 77})
    run(path)
    assert files(path.parent) == [path.name]


def test_a_kill_after_the_last_step_leaves_a_finished_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(source: Path, target: Path) -> None:
        replace(source, target)
        if target == path:
            raise KeyboardInterrupt

    replace = os.replace
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            run(path)
    reporter = RecordingReporter()
    run(path, resume=True, reporter=reporter)
    (said,) = reporter.infos
    assert said.startswith(f"going on after 6 images of {path}")
    assert content(path) == uninterrupted()


def test_a_cache_that_cannot_be_written_does_no_harm(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "file" / "cache"))
    run(path)
    assert content(path) == uninterrupted()


def test_two_processes_do_not_write_the_same_file(path: Path) -> None:
    lock = path.with_name(f"{path.name}.part.lock")
    with FileLock(lock), pytest.raises(ConfigError, match="another process is writing"):
        run(path)
    run(path)
    assert content(path) == uninterrupted()


KILLED = """
import os, signal, sys
from itertools import chain
from pathlib import Path
from cnnxfer.data.images.source import file_source
from cnnxfer.prediction.outputs.resumable_file import open_resumable_file
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.tasks.classification import BestClass, OneClass
from cnnxfer.reporting import Reporter, counted

path, slow = Path(sys.argv[1]), sys.argv[2] == "slow"
sources = (file_source(f"{number}.jpg") for number in range(300))

def answers():
    for source in sources:
        if slow and source.name == "150.jpg":
            print("half", flush=True)
            sys.stdin.read()  # until it is killed
        number = int(source.name[:-4])
        ranking = (RankedClass(1, "a", "ä", number / 300),)
        yield Prediction(source.name, OneClass(ranking), 4, 3, source=source)

resume = sys.argv[3] == "resume"
read = lambda record: BestClass().read(record, None)
with open_resumable_file(path, {"top": 1}, read, Reporter(), resume=resume) as file:
    file.write(chain(file.earlier_predictions(sources, lambda images: ()), answers()))
"""


def test_the_output_of_a_killed_process_is_resumed(path: Path) -> None:
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-c", KILLED, str(path), *arguments]

    whole = path.with_name(f"whole-{path.name}")
    subprocess.run(
        [sys.executable, "-c", KILLED, str(whole), "fast", "anew"], check=True
    )
    with subprocess.Popen(
        command("slow", "anew"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"half\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not path.exists()
    assert part_of(path).read_bytes().count(b"\n") == 150
    with part_of(path).open("ab") as stream:
        stream.write(b'{"path": "150.')

    subprocess.run(command("fast", "resume"), check=True)
    assert path.read_bytes() == whole.read_bytes()
    assert files(path.parent) == [path.name, whole.name]


def test_a_full_disk_names_the_unfinished_file(path: Path) -> None:
    def full() -> Iterator[Prediction]:
        raise OSError(errno.ENOSPC, "full")
        yield

    with (
        open_resumable_file(path, SETTINGS, READ, RecordingReporter()) as file,
        pytest.raises(OSError, match="full") as caught,
    ):
        file.write(full())
    assert caught.value.filename == f"{path}.part"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_pipe_or_folder_with_the_name_is_refused(
    path: Path, make: Callable[[str], None]
) -> None:
    make(f"{path}.part")
    with pytest.raises(ConfigError, match=r"\.part is no file to write\. Move it away"):
        run(path)
