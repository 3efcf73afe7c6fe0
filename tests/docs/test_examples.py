"""The examples in the README and the pages: they parse, and what is cheap runs."""

import ast
import dataclasses
import inspect
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from page_parts.api_reference import result_classes
from page_parts.command_reference import all_commands
from PIL import Image, ImageOps
from predicted import predicted
from shallow_mobilenet import in_place_of_mobilenet

import cnnxfer
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.cli import terminal
from cnnxfer.cli.main import run as run_command
from cnnxfer.config import Config, load_config
from cnnxfer.config.options import FUNCTIONS, options_of, settings_of
from cnnxfer.networks.description import describe
from cnnxfer.networks.saving import load_model, save_model
from cnnxfer.runs import Run, list_runs
from cnnxfer.tasks.answer import RankedClass
from cnnxfer.tasks.class_figures import ClassFigures

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = all_commands()


def blocks(*languages: str) -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
            if language in languages:
                yield page, block


def lines_of(page: Path, block: str) -> Iterator[str]:
    """Yields what is typed: all of a block, or the lines behind a prompt."""
    lines = block.replace("\\\n", " ").splitlines()  # one that goes on is one line
    prompted = [line[2:] for line in lines if line.startswith("$ ")]
    for line in prompted or lines:
        words = shlex.split(line, comments=True)
        if words[:1] == ["cnnxfer"]:
            yield shlex.join(words[1:])


SHELL = {
    f"{page.stem}: {line}": line
    for page, block in blocks("sh", "console")
    for line in lines_of(page, block)
}
SPANS = {
    f"{page.stem}: {span}": span
    for page in PAGES
    for span in re.findall(r"`cnnxfer ([^`\n]+)`", page.read_text(encoding="utf-8"))
}
PYTHON = {f"{page.stem}, {n}": code for n, (page, code) in enumerate(blocks("python"))}


@pytest.fixture(autouse=True)
def _volume(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "volume", terminal.Volume())


def split_command(words: list[str]) -> tuple[str, list[str]]:
    """Returns the name of a command, and what is typed behind it."""
    both = " ".join(words[:2])
    return (both, words[2:]) if both in COMMANDS else (words[0], words[1:])


def test_there_are_examples_of_each_kind() -> None:
    assert len(SHELL) > 30
    assert len(SPANS) > 20
    assert len(PYTHON) > 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example(name: str) -> None:
    assert name in {split_command(shlex.split(line))[0] for line in SHELL.values()}


@pytest.mark.parametrize("line", SHELL.values(), ids=SHELL)
def test_a_command_line_is_one_that_the_program_takes(line: str) -> None:
    name, rest = split_command(shlex.split(line))
    context = COMMANDS[name].make_context(name, rest)
    if backbone := context.params.get("backbone"):
        BACKBONES.get(backbone)
    if name in ("train", "unfreeze", "compare", "check", "preview"):
        given = {option: context.params[option] for option in options_of(name)}
        settings = load_config(None, settings_of(name, given))
        assert 0 < settings.fine_tune.fraction <= 1


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_a_command_in_a_sentence_has_the_options_it_is_shown_with(span: str) -> None:
    words = shlex.split(span.replace(r"\|", "|"))
    if words[0] == "COMMAND":
        words[0] = "train"
    name, rest = split_command(words)
    known = {
        spelling
        for parameter in COMMANDS[name].params
        for spelling in (*parameter.opts, *parameter.secondary_opts, "--help")
    }
    assert {word for word in rest if word.startswith("-")} <= known


def example_of(kind: type[Any]) -> Any:
    """Returns an object of a class with something in each of its fields."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING:
            values[field.name] = Path("runs/x") if field.name == "path" else 1
    return kind(**values)


def stand_in(name: str, results: dict[str, Any]) -> Callable[..., Any]:
    """Returns a function that takes what the real one takes, and does nothing."""
    signature = inspect.signature(getattr(cnnxfer, name))

    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs).arguments
        if name in FUNCTIONS:
            assert bound.get("options", {}).keys() <= options_of(name).keys()
        return results.get(str(signature.return_annotation), MagicMock())

    return call


@pytest.mark.parametrize("code", PYTHON.values(), ids=PYTHON)
def test_python_runs_with_functions_that_do_nothing(
    code: str, colour_run: Run, photos_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, arguments and attributes are the real ones; only the work is left out."""
    kinds = {kind.__name__: kind for kind in result_classes()}
    prediction = predicted("a.jpg", ranking=(example_of(RankedClass),))
    report = kinds["Report"]("photos", 1, 1, (), ())
    results = {
        "Run": cnnxfer.Run(colour_run.path),
        "Evaluation": kinds["Evaluation"]("x", 1, 0, 0, example_of(ClassFigures)),
        "Iterator[Prediction]": [prediction],
        "Report": report,
    }
    for name in cnnxfer.__all__:
        if inspect.isfunction(getattr(cnnxfer, name)):
            monkeypatch.setattr(cnnxfer, name, stand_in(name, results), raising=False)
    for name in ("evaluate", "plot", "predict"):
        method = getattr(cnnxfer.Run, name)
        done = results.get(inspect.signature(method).return_annotation)
        monkeypatch.setattr(cnnxfer.Run, name, lambda *_, done=done, **__: done)
    monkeypatch.chdir(colour_run.path)  # where there is a model.keras
    model = load_model(colour_run.model_path)
    save_model(model, colour_run.model_path, describe(colour_run))
    shutil.copy(photos_dir / "red" / "00.jpg", "photo.jpg")
    exec(compile(ast.parse(code), "example", "exec"), {"cnnxfer": cnnxfer})


def test_plain_keras_answers_as_predict_does(
    parent: Run,
    noisy_photos_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The page's lines are run as they stand, also on a photo that lies on its side."""
    (code,) = (code for code in PYTHON.values() if "ImageOps.fit" in code)
    monkeypatch.chdir(tmp_path)
    run = Run(shutil.copytree(parent.path, tmp_path / "run"))
    run.write_fitted({}, 1.7)
    for file in ("model.keras", "temperature.json"):
        shutil.copy(run.path / file, file)
    shutil.copy(noisy_photos_dir / "red" / "3.png", "upright.png")
    sideways = Image.open(noisy_photos_dir / "blue" / "1.png").rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways.save("sideways.jpg", exif=exif, quality=95)
    for name in ("upright.png", "sideways.jpg"):
        shutil.copy(name, "photo.jpg")
        names: dict[str, Any] = {}
        exec(compile(code, "example", "exec"), names)
        (expected,) = cnnxfer.predict(
            "photo.jpg", model=run, engine="keras", precision="float32"
        )
        label, probability = capsys.readouterr().out.split()
        assert label == expected.top.label
        # The page resizes with Pillow, whose levels may be one beside.
        assert float(probability) == pytest.approx(expected.top.probability, abs=1e-3)
        whole = ImageOps.fit(names["photo"], (64, 64), Image.Resampling.BICUBIC)
        logits = names["model"].predict(np.asarray(whole, "float32")[None], verbose=0)
        assert np.abs(logits - names["logits"]).max() > 0.01  # the crop counts


def test_settings_in_toml_are_settings(tmp_path: Path) -> None:
    for number, (_, block) in enumerate(blocks("toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(block)
        assert load_config(path) != Config()


def run_block(
    page: str, containing: str, more: Mapping[str, str] = MappingProxyType({})
) -> list[tuple[str, int]]:
    """Runs the lines of a block, and returns each with its exit code.

    Args:
        page: the name of the page.
        containing: a text that only this block contains.
        more: options to add to the lines of a command, by its name.
    """
    (block,) = (
        (path, block)
        for path, block in blocks("sh", "console")
        if path.stem == page and containing in block
    )
    done = []
    for line in lines_of(*block):
        words = shlex.split(line)
        added = shlex.split(more.get(split_command(words)[0], ""))
        done.append((line, run_command([*words, *added])))
    return done


def test_a_first_classifier_as_the_page_does(
    photos_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The five commands follow each other; only the network and epochs are smaller."""
    monkeypatch.chdir(photos_dir.parent)
    monkeypatch.setenv("CNNXFER_RUNS", "runs")
    shutil.copytree(photos_dir / "red", "new_photos")
    epoch = "--epochs 1 --precision float32 --devices cpu"
    small = "--backbone mobilenet-0.25 --weights none --freeze --image-size 32"
    keras_answers = "--engine keras --precision float32"
    with in_place_of_mobilenet():
        done = run_block(
            "get_started",
            "cnnxfer predict new_photos/",
            {
                "train": f"{small} {epoch} --split 50/25/25 --engine keras",
                "unfreeze": f"{epoch} --engine keras",
                "evaluate": keras_answers,
                "predict": keras_answers,
            },
        )
    names = [line.split()[0] for line, _ in done]
    assert names == ["check", "train", "unfreeze", "evaluate", "predict"]
    assert [code for _, code in done] == [0, 0, 0, 0, 0]
    trained, tuned = list_runs(Path("runs"))
    assert tuned.parent == trained
    printed = capsys.readouterr().out
    assert str(tuned.path) in printed
    assert "accuracy" in printed  # what evaluate measured
    assert printed.count("new_photos/") == 12


def test_looking_at_data_as_the_page_does(
    photos_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(photos_dir.parent)
    (photos_dir / "red" / "torn.jpg").write_bytes(
        (photos_dir / "red" / "00.jpg").read_bytes()[:500]
    )
    assert run_block("data", "preview photos") == [
        ("preview photos --augment strong --out preview.png", 0)
    ]
    assert Path("preview.png").stat().st_size > 1000
    first = "check photos --html check.html --write quarantine.txt"
    assert run_command(shlex.split(first)) == 0
    assert first in SHELL.values()
    assert "red/torn.jpg" in Path("quarantine.txt").read_text()
    assert "torn.jpg" in Path("check.html").read_text()
    strict = "check photos --exclude quarantine.txt --strict"
    assert run_command(shlex.split(strict)) == 0
    assert strict in SHELL.values()


def test_predicting_as_the_page_does(
    colour_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNNXFER_RUNS", str(colour_run.path.parent))
    # Without --resume there is nothing to go on with yet; the page's line works anew.
    done = run_block("prediction", "--copy-to sorted/")
    assert [code for _, code in done] == [0, 0, 0, 0]
    assert Path("results.csv.gz").stat().st_size > 100
    assert len(Path("results.jsonl").read_text().splitlines()) == 36
    assert "red" in Path("photos.html").read_text()
    copies = [path for path in Path("sorted").glob("*/*") if path.suffix == ".jpg"]
    assert len(copies) == 36


def test_looking_around_as_the_pages_do(
    colour_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    colour_run.add_history({"phase": "frozen", "epoch": 1, "loss": "0.5"})
    named = colour_run.path.with_name("flowers")
    colour_run.path.rename(named)
    (named.parent / "flowers-tuned").symlink_to(named)
    assert {code for _, code in run_block("resume", "cnnxfer runs diff")} == {0}


def test_the_demo_imports_what_exists() -> None:
    script = (ROOT / "scripts/demo.sh").read_text(encoding="utf-8")
    code = script.partition("<<'PYTHON'\n")[2].partition("\nPYTHON\n")[0]
    imports = [line for line in code.splitlines() if "import " in line]
    assert imports
    exec("\n".join(imports), {})
