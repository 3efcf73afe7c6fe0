"""What the workflows for GitHub may do, and on what they test."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / ".github" / "workflows"

pytestmark = pytest.mark.skipif(
    not FOLDER.exists(), reason="the source distribution has no workflows"
)


def workflow(name: str) -> dict:
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))


def test_only_publishing_has_more_than_read_permission() -> None:
    for path in FOLDER.glob("*.yml"):
        document = workflow(path.stem)
        assert document["permissions"] == {"contents": "read"}
        more = {
            name: job["permissions"]
            for name, job in document["jobs"].items()
            if "permissions" in job
        }
        publish = {"publish": {"id-token": "write"}}
        assert more == (publish if path.stem == "release" else {})


def test_publishing_requires_tests_and_an_environment() -> None:
    publish = workflow("release")["jobs"]["publish"]
    assert set(publish["needs"]) == {"build", "test"}
    assert publish["environment"] == "release"


def test_tested_python_versions_match_the_package_classifiers() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    classifiers = "\n".join(tomllib.loads(text)["project"]["classifiers"])
    matrix = workflow("test")["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == re.findall(r"Python :: (3\.\d+)", classifiers)
