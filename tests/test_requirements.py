"""The locked packages in requirements/ fit what pyproject.toml asks for."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")
SYSTEMS = ("linux", "darwin")

PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def asked(requirements: list[str]) -> Iterator[Requirement]:
    """Yields requirements, those of an extra of our own in place of its name."""
    for requirement in map(Requirement, requirements):
        if requirement.name == PROJECT["name"]:
            for extra in sorted(requirement.extras):
                yield from asked(PROJECT["optional-dependencies"][extra])
        else:
            yield requirement


def locked(name: str) -> list[Requirement]:
    """Returns the pins of requirements/NAME.txt, without their hashes."""
    text = (REPOSITORY / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    lines = re.sub(r"(?m)^\s*#.*$", "", text).replace("\\\n", "").splitlines()
    pins = [line for line in lines if line.strip()]
    assert all("--hash=sha256:" in pin for pin in pins)
    return [Requirement(pin.partition("--hash")[0]) for pin in pins]


@pytest.mark.parametrize(
    ("name", "requirements"),
    [
        ("use", PROJECT["dependencies"]),
        ("dev", PROJECT["dependencies"] + ["cnnxfer[dev]"]),
        ("build", PYPROJECT["build-system"]["requires"]),
        ("build", PYPROJECT["dependency-groups"]["build"]),
    ],
)
def test_locked_versions_satisfy_the_project_requirements(
    name: str, requirements: list[str]
) -> None:
    pins = locked(name)
    for python in PYTHONS:
        for system in SYSTEMS:
            environment = default_environment() | {
                "python_full_version": python,
                "python_version": python.removesuffix(".0"),
                "sys_platform": system,
            }
            versions = {
                canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
                for pin in pins
                if not pin.marker or pin.marker.evaluate(environment)
            }
            for requirement in asked(requirements):
                version = versions.get(canonicalize_name(requirement.name))
                fits = version is not None and version in requirement.specifier
                assert fits, (
                    f"pyproject.toml asks for {requirement}, and "
                    f"requirements/{name}.txt has {version or 'no version of it'} "
                    f"(Python {python}, {system}). Type: bash scripts/lock.sh"
                )


def test_all_locks_have_the_versions_of_the_development_lock() -> None:
    developing = {pin.name: pin.specifier for pin in locked("dev")}
    assert {pin.name: pin.specifier for pin in locked("use")}.items() <= (
        developing.items()
    )
    for pin in locked("build"):
        assert pin.specifier == developing.get(pin.name, pin.specifier)


@pytest.mark.parametrize("name", ["build", "dev", "use"])
def test_locks_contain_no_package_index_and_no_local_path(name: str) -> None:
    text = (REPOSITORY / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"(?m)^\s*--(?!hash)", text)
    assert str(Path.home()) not in text
