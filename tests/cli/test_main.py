import errno
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cnnxfer import __main__, __version__, api, other_tools
from cnnxfer.cli import terminal
from cnnxfer.cli.command import loaded
from cnnxfer.cli.commands import COMMANDS as ENTRIES
from cnnxfer.cli.main import run
from cnnxfer.reporting import Note

REPOSITORY = Path(__file__).parents[2]
COMMANDS: dict[str, list[str]] = {
    name: sorted(getattr(loaded(entry), "commands", {}))
    for name, entry in ENTRIES.items()
}
PATHS = [
    path
    for name, below in COMMANDS.items()
    for path in ([name], *([name, command] for command in below))
]
# A command line that is wrong, and what the one line on stderr holds.
MISTAKES = {
    "trian x": "no command 'trian'. Did you mean 'train'? Type: cnnxfer train x",
    "runs shwo": "no command 'shwo'. Did you mean 'show'? Type: cnnxfer runs show",
    "-q": "missing command. See: cnnxfer --help",
    "frobnicate": "no command 'frobnicate'. List those there are: cnnxfer --help",
    "flowers": "Type: cnnxfer train flowers, or cnnxfer predict flowers",
    "train --bakbone x": "Did you mean '--backbone'? Type: cnnxfer train --backbone x",
    "predict a.jpg --tpo 3": "no --tpo. Did you mean '--top'? Type: cnnxfer predict a",
    "weights pull x --qiet": "has no --qiet. Did you mean '--quiet'?",
    "train --frobnicate": "train has no --frobnicate. See: cnnxfer train --help",
    "predict a.jpg --epochs 3": "no --epochs; it is an option of train and unfreeze.",
    "train flowers 3": "cnnxfer train takes one DATA, and '3' is left over.",
    "doctor now": "cnnxfer doctor takes options only, and 'now' is left over.",
    "evaluate a flowers": "Are these its images? cnnxfer evaluate a --data flowers",
    "train flowers --fine-tune yes": "value. Type: cnnxfer train flowers --fine-tune",
    "train --fine-tune=yes": "--fine-tune is on or off and takes no value. Type: cnn",
    "preview --images x": "--images is 'x'; expected a whole number.",
    "runs --sort x": "--sort is 'x'. Expected one of: validation, test, time, started",
    # Words of other tools.
    "fit flowers --lr 1": "called 'train' here. Type: cnnxfer train flowers --lr 1",
    "finetune": "it is called 'unfreeze' here. Type: cnnxfer unfreeze",
    "val": "it is called 'evaluate' here. Type: cnnxfer evaluate",
    "infer a.jpg": "it is called 'predict' here. Type: cnnxfer predict a.jpg",
    "classify a.jpg": "it is called 'predict' here. Type: cnnxfer predict a.jpg",
    "tflite mine": "here. Type: cnnxfer export --format litert mine",
    "--model a train x": "behind the command. Type: cnnxfer train --backbone a x",
    "train x --dropout 0.5": "but files have it. Write dropout = 0.5 into a file",
    "train x --momentum 1": "Write momentum = 1 below [frozen] into a file, and add",
    "train epochs=9 -- lr=1": "Type: cnnxfer train --epochs 9 -- lr=1",
    "train -- epochs=9": "error: no data called 'epochs=9'.",
    "runs note f debug=true": "error: no run called 'f' in runs.",
    "serve top=runs/f": "error: there is no run or backbone called 'runs/f'.",
    "export format=onnx": "typed. Type: cnnxfer export --format onnx",
    "runs --runs-dir mine old": "and no command. Type: cnnxfer runs show mine/old",
    "runs rm": "needs RUN: the runs to remove. Type, for",
    "runs rename": "needs RUN: a run. Type, for",
    "runs show flowers": "files of that name. List the runs with: cnnxfer runs",
    "predict file.txt --model flowers": "that name. List the runs with: cnnxfer runs",
    "predict file.txt --model @7": "there is no run in runs yet.",
    "evaluate latest --model resnet50": "a run (latest) and another model (resnet50)",
    "train -bs 32 flowers": "hyphens. Type: cnnxfer train --batch 32 flowers",
    "explain x --classes rose": "called --class here. Type: cnnxfer explain x --class",
    "train --classes 3": "train has no --classes. The classes are those of the data.",
    "train x --fill reflect": 'Write fill = "reflect" below [augment] into a file',
    "train --central-crop=0.9": "Write central_crop = 0.9 into a file, and add",
    "train --from-scratch --momentum 1": "momentum = 1 below [scratch] into a file",
    "preview x --epochs 3": "no --epochs; it is an option of train and unfreeze.",
    "show f-3": "it is called 'runs show' here. Type: cnnxfer runs show f-3",
    "runs delete x": "it is called 'rm' here. Type: cnnxfer runs rm x",
    "cache empty": "it is called 'clear' here. Type: cnnxfer cache clear",
    "backbones xception": "is a backbone, and no command. Type: cnnxfer backbones show",
    "evaluate flowers": "on these files: cnnxfer evaluate --data flowers; to train",
    "unfreeze flowers": "to train on them: cnnxfer train flowers",
    "predict file.txt --model vit": "no run or backbone called 'vit'. List them with:",
    "train x --model a": "called --backbone here. Type: cnnxfer train x --backbone a",
    "train x --learning_rate=1": "called --lr here. Type: cnnxfer train x --lr 1",
    "train x -lr 1": "has no -lr; it is called --lr here. Type: cnnxfer train x --lr 1",
    "train x --batch-size 9": "called --batch here. Type: cnnxfer train x --batch 9",
    "fit x --bs=9": "Type: cnnxfer train x --batch 9",
    "train x --lr0 1 --bs 9": "Type: cnnxfer train x --lr 1 --batch 9",
    "predict --source a --conf 0.3": "Type: cnnxfer predict a --min-confidence 0.3",
    "train x --imgsz 9": "--image-size here. Type: cnnxfer train x --image-size 9",
    "train data=x epochs=3": "Type: cnnxfer train --data x --epochs 3",
    "train --workers 8": "has no --workers. As many processes read images as help.",
    "predict a --imgsz 9": "it is called --image-size and is an option of train",
    "predict --source a.jpg": "INPUT is typed without one. Type: cnnxfer predict a.jpg",
    "report --weights a": "RUN is typed without one. Type: cnnxfer report a",
    "evaluate --weights a": "called --model here. Type: cnnxfer evaluate --model a",
    "train --backbone xceptoin": "unknown backbone 'xceptoin'. Did you mean 'xception'",
    "train --backbone qqq": "unknown backbone 'qqq'. List them with: cnnxfer backbones",
    "train --devices gpu": "--devices is 'gpu'. Expected one of: one, all, cpu.",
    "train --data flowrs": "no data called 'flowrs'. Did you mean 'flowers'?",
    "train --data file.txt": "file.txt is a file that cannot be read as data",
    "train --augment stong": "--augment is 'stong'. Did you mean 'strong'?",
    "train --limit -1": "--limit is -1; it must be at least 1, or 'all'.",
    "train --exclude lost.txt": "--exclude lost.txt cannot be read",
    "train --class-weights lost.csv": "--class-weights lost.csv cannot be read",
    "train --sampling fair": "--sampling is 'fair'. Expected one of: natural, ",
    "train --loss focl": "--loss is 'focl'. Did you mean 'focal'?",
    "train --monitor f1": "--monitor is 'f1'.",
    "check": "cnnxfer check needs DATA, the images to look at. Type, for example: ",
    "check lost": "no data called 'lost'.",
    "check sample --split 1/2": "--split is '1/2'; expected TRAIN/VALIDATION/TEST",
    "preview sample --images 0": "--images is 0; it must be from 1 to 50.",
    "preview sample --out file.txt": "--out is file.txt; its suffix should be .png.",
    "train --lr -1": "--lr is -1; it must be above 0, or 'auto'.",
    "train --lr abc": "--lr is 'abc'; expected a number, or 'auto'.",
    "train --lr": "--lr needs a value: NUMBER | auto. See: cnnxfer train --help",
    "predict a.jpg --heatmap --top 3": "--heatmap needs a value: PATH | none. See",
    "train --epochs 1.5": "--epochs is 1.5; expected a whole number.",
    "train photos --data flowers": "the data is both photos and --data flowers.",
    "train --epochs 0": "--epochs is 0; it must be at least 1.",
    "train --split 80/20": "--split is '80/20'; expected TRAIN/VALIDATION/TEST",
    "train --image-size 16": "--image-size is 16; efficientnet-lite0 needs at least 32",
    "train --precision fp16": "--precision is 'fp16'. Expected one of: auto,",
    "train --optimizer adamv": "--optimizer is 'adamv'. Did you mean 'adam'?",
    "train --devices al": "--devices is 'al'. Did you mean 'all'?",
    "train sample --weights nofile.h5": "--weights nofile.h5 is not a file.",
    "train sample --weights imagenett": "Did you mean 'imagenet'?",
    "train --weights none": "--weights none alone would train a head on a random",
    "train sample --backbone lenet5 --weights file.pth": "takes those that Keras",
    "train --config missing.toml": "missing.toml cannot be read: no such file",
    "train --config bad.toml": "unknown setting 'bakbone' in bad.toml. Did you mean",
    "unfreeze": "there is no run in runs yet. Start one with: cnnxfer train FOLDER",
    "unfreeze nosuchrun": "no run called 'nosuchrun' in runs.",
    "unfreeze --all --last 20%": "--all and --last 20% cannot be combined",
    "resume nosuchrun": "no run called 'nosuchrun' in runs.",
    "evaluate nosuchrun": "no run called 'nosuchrun' in runs.",
    "runs show nosuchrun": "no run called 'nosuchrun' in runs.",
    "runs latest": "there is no run in runs yet.",
    "runs diff nosuchrun other": "no run called 'nosuchrun' in runs.",
    "runs diff other": "needs B: another run. Type, for example: cnnxfer runs diff",
    "predict": "cnnxfer predict needs INPUT: files, folders, globs, archives, web",
    "predict nosuch.jpg": "no file, folder or match for 'nosuch.jpg'.",
    "predict fil.txt": "Did you mean 'file.txt'?",
    "predict flowers": "flowers holds no images",
    "predict file.txt --model resnet5": "called 'resnet5'. Did you mean 'resnet50'?",
    "predict file.txt --model latest": "there is no run in runs yet.",
    "predict file.txt --format xml": "--format is 'xml'. Expected one of: auto, ",
    "predict file.txt --format jsnol": "--format is 'jsnol'. Did you mean 'jsonl'?",
    "predict file.txt --top 0": "--top is 0; it must be at least 1, or 'auto'.",
    "predict file.txt --top 1001": "--top is 1001; it must be 1 to 1000",
}


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with files that commands refuse."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    monkeypatch.setattr(terminal, "volume", terminal.Volume())
    (tmp_path / "flowers").mkdir()
    (tmp_path / "mine" / "old").mkdir(parents=True)
    (tmp_path / "mine" / "old" / "config.toml").touch()
    (tmp_path / "file.txt").touch()
    (tmp_path / "file.pth").touch()
    (tmp_path / "bad.toml").write_text("bakbone = 'xception'")
    return tmp_path


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cnnxfer", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and so what they start, ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_line_with_the_next_step(
    mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(mistake.split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert MISTAKES[mistake] in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("word", other_tools.COMMANDS)
def test_the_command_for_a_word_of_other_tools_exists(word: str) -> None:
    names = other_tools.COMMANDS[word].partition("--")[0].split()
    assert names in [*PATHS, []]


def test_help_and_mistakes_import_nothing_heavy() -> None:
    code = f"""
import sys
from cnnxfer.cli.main import run
def imported(*names):
    return sorted(set(names) & sys.modules.keys())
for command in {PATHS}:
    run([*command, "--help"])
heavy = imported("keras", "tensorflow", "tensorflow_datasets", "numpy", "PIL", "h5py",
    "http.client", "urllib.request", "packaging", "filelock", "pydantic", "rich",
    "cnnxfer.api")
print("help", heavy, file=sys.stderr)
for mistake in {list(MISTAKES)}:
    run(mistake.split())
print("mistakes", imported("keras", "tensorflow", "tensorflow_datasets"),
    file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = done.stderr.splitlines()
    assert lines[0] == "help []"
    assert lines[-1] == "mistakes []"
    assert len(lines) == len(MISTAKES) + 2


@pytest.mark.parametrize("command", PATHS, ids=" ".join)
def test_every_command_has_help_and_the_common_options(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, "-h"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert f"Usage: cnnxfer {' '.join(command)}" in shown.out
    for option in ("--json", "--quiet", "-q", "--verbose", "-v"):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", shown.out)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_documentation(command: str) -> None:
    pages = (REPOSITORY / "docs").glob("*.md")
    texts = [page.read_text(encoding="utf-8") for page in pages]
    assert any(re.search(rf"\bcnnxfer {command}\b", text) for text in texts)


def test_help_without_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    shown = capsys.readouterr()
    assert "Usage: cnnxfer" in shown.out
    assert all(f" {command} " in shown.out for command in COMMANDS)
    assert shown.err == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--version", "-V"):
        assert run([option]) == 0
        assert capsys.readouterr().out == f"{__version__}\n"


def failing(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_ctrl_c_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api, "evaluate", failing(KeyboardInterrupt()))
    assert run(["evaluate"]) == 130
    assert capsys.readouterr() == ("", "error: interrupted.\n")


def test_ctrl_c_during_the_import_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = __import__

    def interrupted(name: str, *rest: object) -> object:
        if name == "cnnxfer.cli.main":
            raise KeyboardInterrupt
        return real(name, *rest)

    monkeypatch.setattr("builtins.__import__", interrupted)
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    assert caught.value.code == 130
    assert capsys.readouterr() == ("", "error: interrupted.\n")


def test_ctrl_c_while_images_are_read(photos_dir: Path) -> None:
    """The signal is sent as soon as the command prints that it is predicting."""
    images = [str(photos_dir)] * 200
    with start("predict", *images, "--model", "efficientnet-lite0") as process:
        assert process.stderr
        while process.stderr.readline() not in ("predicting\n", ""):
            pass  # the engine is chosen first
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()
    assert process.returncode == 130
    assert stdout == ""
    assert stderr.endswith("error: interrupted.\n")
    assert "Traceback" not in stderr


def test_sigterm_ends_commands_that_save_nothing_at_once(photos_dir: Path) -> None:
    images = [str(photos_dir)] * 200
    with start("predict", *images, "--model", "efficientnet-lite0") as process:
        assert process.stderr
        while process.stderr.readline() not in ("predicting\n", ""):
            pass
        process.terminate()
        stdout, stderr = process.communicate()
    assert process.returncode == -signal.SIGTERM
    assert (stdout, stderr) == ("", "")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space", "runs/[a]/x"),
            "runs/[a]/x: no space left on device. Make room",
        ),
        (
            PermissionError(errno.EACCES, "Denied", "a\nb"),
            r"a\nb: permission denied. Change its permissions",
        ),
        (
            OSError(errno.EROFS, "Read-only"),
            "the output: read-only file system. Make it writable",
        ),
    ],
)
def test_an_error_of_the_operating_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: OSError,
    message: str,
) -> None:
    monkeypatch.setattr(api, "evaluate", failing(error))
    assert run(["evaluate"]) == 1
    assert capsys.readouterr() == ("", f"error: {message}, and start again.\n")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (ValueError("a bug"), OSError(errno.EBADF, "a bug")):
        monkeypatch.setattr(api, "evaluate", failing(error))
        with pytest.raises(type(error), match="a bug"):
            run(["evaluate"])


@pytest.mark.parametrize("code", [None, 0, 3, "venv: error: two\nlines"])
def test_the_exit_of_a_library_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: object
) -> None:
    monkeypatch.setattr(api, "evaluate", failing(SystemExit(code)))
    assert run(["evaluate"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: a library ended cnnxfer evaluate with the exit code ")


@pytest.mark.parametrize(
    "command", ["backbones", "backbones --json", "--help", "--version"]
)
def test_the_reader_of_stdout_may_end(command: str) -> None:
    """As in `cnnxfer backbones | head -1`."""
    with start(*command.split()) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["backbones", "--version"])
def test_a_full_disk_under_stdout(command: str) -> None:
    arguments = [sys.executable, "-m", "cnnxfer", command]
    with open("/dev/full", "w") as full:
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "error: the output: no space left on device. Make room, and start again.\n"
    )


def test_messages_print_any_text_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reporter = terminal.TerminalReporter()
    text = "[red]a[/] \x1b[2J\n\udcff"
    for say in (reporter.info, reporter.warn, terminal.print_error):
        say(text)
    assert capsys.readouterr().err.splitlines() == [
        rf"{label}[red]a[/] \x1b[2J\n\udcff" for label in ("", "warning: ", "error: ")
    ]


def test_quiet_leaves_warnings_and_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def report(*_: object, reporter: terminal.TerminalReporter, **__: object) -> None:
        reporter.info("fact")
        reporter.warn("danger")
        with reporter.progress("work"):
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(api, "evaluate", report)
    for arguments in (["evaluate", "-q"], ["-q", "evaluate"]):
        assert run(arguments) == 1
        assert capsys.readouterr().err == (
            "warning: danger\n"
            "error: the output: no space left on device. Make room, and start again.\n"
        )
    assert run(["evaluate"]) == 1  # --quiet of the command before has no effect
    assert capsys.readouterr().err.startswith("fact\nwarning: danger\nwork\n")


def test_verbose_tells_times_and_causes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    for arguments in (["evaluate", "x", "-v"], ["-v", "evaluate", "x"]):
        assert run(arguments) == 2
        stderr = capsys.readouterr().err
        assert stderr.startswith("error: no run called 'x'")
        assert "Traceback (most recent call last)" in stderr
        assert "cnnxfer/runs/runs_dir.py" in stderr

    terminal.TerminalReporter().info("fact")
    assert re.fullmatch(r" *\d+\.\d s  fact\n", capsys.readouterr().err)


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Makes the consoles treat stderr as a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal.stderr.cache_clear()
    yield
    terminal.stderr.cache_clear()


def test_bars_are_drawn_on_a_terminal_only(
    on_terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(reporter: terminal.TerminalReporter) -> str:
        with reporter.progress("[work]", total=2, unit="bytes") as advance:
            advance(1, Note("[half]"))
            print("a result")
            advance()
        stdout, stderr = capsys.readouterr()
        assert stdout == "a result\n"
        return stderr

    drawn = work(terminal.TerminalReporter())
    assert "[work]" in drawn
    assert "[half]" in drawn
    assert "100%" in drawn
    assert "\x1b[?25l" in drawn  # the cursor is hidden, and shown again
    assert drawn.index("\x1b[?25l") < drawn.index("\x1b[?25h")
    assert work(terminal.TerminalReporter(bars=False)) == "[work]\n"


def test_no_color_is_honoured(
    on_terminal: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    red, plain = "\x1b[1;31merror:", "\x1b[1merror:"
    terminal.print_error("x")
    assert red in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.stderr.cache_clear()
    terminal.print_error("x")
    assert plain in capsys.readouterr().err


def test_names_that_are_not_utf8_print_safely(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = os.fsdecode(b"caf\xe9 [red].jpg")
    Path("flowers", name).write_bytes(b"no image")
    for options in ([], ["--json"], ["--format", "jsonl"]):
        command = ["predict", "flowers", "--model", "efficientnet-lite0", *options]
        assert run(command) == 3
    assert run(["runs", "show", name]) == 2
    assert r"no run called 'caf\udce9 [red].jpg' in runs." in capsys.readouterr().err
    (Path(name) / "a run").mkdir(parents=True)
    (Path(name) / "a run" / "config.toml").touch()
    with start("runs", "latest", "--runs-dir", name) as process:
        stdout, stderr = process.communicate()
    assert (stdout, stderr) == ("caf\\udce9 [red].jpg/a run\n", "")
