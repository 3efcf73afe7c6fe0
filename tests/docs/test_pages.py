"""The pages: whole, and made of parts that follow the code."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from page_parts import PARTS, results, with_parts
from page_parts.api_reference import python_reference
from page_parts.command_reference import all_commands, commands
from page_parts.repository_files import repository_file
from page_parts.setting_reference import SECTIONS, settings

import cnnxfer
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config, load_config
from cnnxfer.config.setting import settings_in

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in DOCS.glob("*.md")}
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = ROOT / "bench" / "results"


def test_every_command_has_a_section_with_all_its_options() -> None:
    sections = re.split(r"^#+ `cnnxfer (.+)`$", commands(), flags=re.MULTILINE)[1:]
    found = dict(zip(sections[::2], sections[1::2], strict=True))
    assert found.keys() == all_commands().keys()
    for name, command in all_commands().items():
        for parameter in command.params:
            if parameter.param_type_name == "option":
                for option in (*parameter.opts, *parameter.secondary_opts):
                    assert re.search(rf"{option}\b", found[name]), f"{name} {option}"


def test_options_have_the_defaults_that_hold_without_them() -> None:
    section = commands().split("## `cnnxfer unfreeze`")[0]
    train = section.split("## `cnnxfer train`")[1]
    for option, default in {
        "--backbone BACKBONE, -b BACKBONE": Config().backbone,
        "--lr NUMBER | auto": "auto (searched for)",
        "--epochs N": (
            f"{Config().frozen.epochs}, or from scratch {Config().scratch.epochs}"
        ),
        "--cache, --no-cache": "on",
        "--checkpoint-every TIME": "5m",
        "--seed N": str(Config().seed),
    }.items():
        entry = train.split(f":::{{option}} {option}\n")[1].split(":::")[0]
        assert f"Default: {default}." in entry.replace("`", "")


@pytest.mark.parametrize("section", SECTIONS)
def test_defaults_of_settings_are_what_a_file_may_say(
    section: str, tmp_path: Path
) -> None:
    """A file with every default that the reference names changes nothing."""
    lines = [f"[{section}]"] if section else []
    found = re.findall(
        r"^:::\{confval\} (?:\w+\.)?(\w+)\n.+\n\n\*Value:\* .*?; default `(.+?)`",
        settings(section),
        re.MULTILINE,
    )
    assert len(found) == len(settings_in(type(SECTIONS[section])))
    for name, default in found:
        # Rounded in the reference, as people read it.
        lines.append(f"{name} = {repr(4 / 3) if name == 'aspect' else default}")
    path = tmp_path / "all.toml"
    path.write_text("\n".join(lines))
    assert load_config(path) == Config()


def test_the_python_reference_has_every_function_and_what_it_returns() -> None:
    reference = python_reference()
    for name in cnnxfer.__all__:
        if name.islower() and not name.startswith("__"):
            assert f"autofunction:: cnnxfer.{name}\n" in reference
    for name in ("Run", "Evaluation", "Prediction", "Report", "Preview", "Comparison"):
        assert f"### `{name}`" in reference


def test_every_backbone_is_in_the_table() -> None:
    table = PARTS["backbones"]()
    assert all(f"| [`{backbone.name}`](" in table for backbone in BACKBONES)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_left_to_be_filled_in(name: str) -> None:
    assert "<!-- part:" not in with_parts(PAGES[name])


def test_results_become_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("page_parts.result_tables.RESULTS", tmp_path)
    result = {
        "title": "How fast it is",
        "command": "python scripts/speed.py",
        "today": "python -m bench speed",
        "machine": "an abacus",
        "date": "2026-11-22",
        "commit": "abc1234",
        "baseline": "fingers",
        "columns": ["network", "images a second", "with"],
        "rows": [["ResNet50", 1234, "--views 4"], ["a|b", None, ""]],
        "notes": ["It was warm."],
    }
    (tmp_path / "speed.json").write_text(json.dumps(result))
    (tmp_path / "area.json").write_text(json.dumps(result | {"title": "Its area"}))
    page = results("speed", "*")
    assert page.index("### How fast it is") < page.index("### Its area")
    assert page.count("### How fast") == 1
    assert "Compared with: fingers\n" in page
    assert "| network | images a second | with |\n| --- | ---: | --- |\n" in page
    assert "| ResNet50 | 1,234 | `--views` 4 |\n| a\\|b | - |  |\n" in page
    assert "It was warm.\n" in page
    measured = "at commit `abc1234` on 2026-11-22, an abacus"
    script, today = "`python scripts/speed.py`", "`python -m bench speed`"
    assert f"\nMeasured with {script} {measured}; today: {today}.\n" in page
    for changes, origin in (
        ({"command": result["today"]}, f"Measured with {today} {measured}."),
        (
            {"today": None},
            f"Measured with {script} {measured}; no command measures it today.",
        ),
        (
            {"command": None, "today": None},
            f"Measured {measured}; the script was not kept.",
        ),
    ):
        (tmp_path / "speed.json").write_text(json.dumps(result | changes))
        assert f"\n{origin}\n" in results("speed")
    with pytest.raises(LookupError, match=r"no file in .* matches lost.json"):
        results("lost")


def test_every_result_is_on_the_page() -> None:
    marks = re.findall(r"<!-- part: results (.+) -->", PAGES["measured"])
    patterns = " ".join(marks).split()
    for path in RESULTS.glob("*.json"):
        assert any(fnmatch(path.stem, pattern) for pattern in patterns), path.stem


def test_headline_figures_are_measured_ones() -> None:
    section = README.split("## Three figures")[1].split("\n## ")[0]
    speed, predicted, tuned = (
        measured_row("frozen_speed", "Xception"),
        measured_row("predict_thousand", "EfficientNet-Lite0"),
        measured_row("fine_tune_recipes", "EfficientNet-Lite0", "--recipe fast"),
    )
    assert re.findall(r"\*\*([\d.]+)\*\*", section) == [
        str(speed["first run, times faster"]),
        str(speed["again, times faster"]),
        str(predicted["from then on, times faster"]),
        tuned["test"].partition(" ")[0],  # the mean, in front of the range
    ]
    assert "three and a half minutes" in section
    assert round(tuned["seconds"] / 30) == 7  # half minutes


def measured_row(name: str, *beginning: str) -> dict[str, Any]:
    """Returns the cells of the one row of a result that begins so, by column."""
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    (row,) = (
        row for row in result["rows"] if tuple(row[: len(beginning)]) == beginning
    )
    return dict(zip(result["columns"], row, strict=True))


def test_the_readme_is_short() -> None:
    assert len(README.encode()) < 10_000
    assert len(README.splitlines()) <= 160


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *DOCS.glob("*.md")], ids=lambda page: page.stem
)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, heading = target.partition("#")
        if "://" in path:
            continue
        linked = page.parent / path if path else page
        assert linked.is_file(), target
        if heading:
            assert heading in _headings(linked.read_text(encoding="utf-8")), target


def test_links_of_the_readme_hold_on_the_site() -> None:
    page = repository_file("README.md")
    targets = re.findall(r"\]\(([^)#:]+)[)#]", page)
    assert len(targets) > 15
    for target in targets:
        assert (DOCS / target).is_file(), target
    assert "](data.md#look-before-you-train)" in page
    assert "](changelog.md)" in page
    assert "](../LICENSE)" in page


def _headings(markdown: str) -> set[str]:
    """Returns the anchors that GitHub and the site make of headings."""
    return {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    }
