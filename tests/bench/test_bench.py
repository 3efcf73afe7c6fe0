"""The list of benchmarks, and the form of their results."""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from bench import __main__ as command
from bench.catalog import BENCHMARKS, Benchmark
from bench.lib.results import RESULTS, Table

TEXTS = ("title", "machine", "date", "commit")
OPTIONAL = ("command", "today", "baseline")
FIELDS = (
    *("title", "command", "today", "machine", "date", "commit", "baseline"),
    *("columns", "rows", "notes"),
)
TRANSCRIBED = "2026-11-22"  # the date of tables that older scripts measured


def check_format(path: Path) -> None:
    """Fails unless a file is what the documentation can show."""
    document = json.loads(path.read_text(encoding="utf-8"))
    assert tuple(document) == FIELDS
    assert all(isinstance(document[name], str) and document[name] for name in TEXTS)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", document["date"])
    for name in OPTIONAL:
        text = document[name]
        assert text is None or (isinstance(text, str) and text)
    columns, rows = document["columns"], document["rows"]
    assert all(isinstance(text, str) for text in [*columns, *document["notes"]])
    assert rows
    assert all(len(row) == len(columns) for row in rows)
    assert all(type(cell) in (str, int, float) for row in rows for cell in row)


def test_list_has_a_line_for_each_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for entry in BENCHMARKS:
        (line,) = (line for line in lines if line.startswith(f"{entry.name} "))
        assert entry.measures in line
        assert (entry.baseline or "") in line
        assert line.endswith(entry.takes)


def test_unknown_name_says_how_to_list_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["predict_nothing"]) == 2
    assert "python -m bench" in capsys.readouterr().err


@pytest.mark.parametrize("entry", BENCHMARKS, ids=lambda entry: entry.name)
def test_benchmark_explains_itself_and_can_be_run(entry: Benchmark) -> None:
    spec = find_spec(entry.module)  # importing it would load TensorFlow
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert ast.get_docstring(tree)
    assert {"add_options", "measure"} <= functions


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*")), ids=lambda path: path.name)
def test_committed_results_have_the_format(path: Path) -> None:
    assert path.suffix == ".json"
    check_format(path)


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*")), ids=lambda path: path.name)
def test_committed_results_say_truly_what_measured_them(path: Path) -> None:
    """Transcribed tables name commands of their time, others the one that wrote them.

    There was no `python -m bench` when the transcribed ones were measured.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["date"] == TRANSCRIBED:
        assert "python -m bench" not in (document["command"] or "")
    else:
        assert document["command"].startswith(f"python -m bench {path.stem}")
        assert document["command"] == document["today"]


@pytest.mark.parametrize("entry", BENCHMARKS, ids=lambda entry: entry.name)
def test_benchmark_has_committed_results(entry: Benchmark) -> None:
    document = json.loads((RESULTS / f"{entry.name}.json").read_text(encoding="utf-8"))
    assert document["today"].startswith(f"python -m bench {entry.name}")
    assert document["baseline"] == entry.baseline


def test_first_words_of_names_run_all_that_have_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def run(entry: Benchmark, given: list[str]) -> int:
        runs.append(entry.name)
        return int(entry.name == "a_b")

    monkeypatch.setattr(command, "run", run)
    entries = [Benchmark(name, "", "", None, "") for name in ("a_b", "a_c", "ab_c")]
    monkeypatch.setattr(command, "BENCHMARKS", entries)
    assert command.main(["a"]) == 1
    assert command.main(["a_c"]) == 0
    assert runs == ["a_b", "a_c", "a_c"]
    assert command.main(["a", "--seeds", "1"]) == 2
    assert "2 benchmarks" in capsys.readouterr().err
    assert len(runs) == 3


@pytest.mark.parametrize("passed", [True, False])
def test_run_writes_what_was_measured(
    passed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--size", type=int)

    def measure(options: SimpleNamespace) -> Table:
        return Table("A title", ("x", "s"), [["a", options.size / 3]], passed=passed)

    module = ModuleType("measured")
    vars(module).update(add_options=add_options, measure=measure)
    monkeypatch.setitem(sys.modules, "measured", module)
    monkeypatch.setenv("CNNXFER_SHARED", str(tmp_path / "absent"))
    entry = Benchmark("a_name", "measured", "something", None, "no time")
    monkeypatch.setattr(command, "BENCHMARKS", [entry])
    path = tmp_path / "new" / "results.json"
    code = command.main(["a_name", "--out", str(path), "--size", "2"])
    assert code == (0 if passed else 1)
    check_format(path)
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["command"] == "python -m bench a_name --size 2"
    assert document["today"] == document["command"]
    assert document["rows"] == [["a", 0.6667]]
