"""Installed packages, and the requirements that they leave unmet."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGES = (
    "tensorflow",
    "keras",
    "tensorflow-datasets",
    "openvino",
    "numpy",
    "pillow",
    "typer",
    "rich",
)


@dataclass(frozen=True)
class Extra:
    """An optional set of requirements, and those of them that are not met."""

    name: str
    missing: tuple[str, ...]


def installed_version(name: str) -> str | None:
    """Returns a package's version; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def missing_requirements(distribution: str, extra: str = "") -> tuple[str, ...]:
    """Returns the requirements that are not met, extras of extras included.

    Args:
        distribution: name of an installed package.
        extra: looks at what this extra adds, instead of what is always required.

    Raises:
        PackageNotFoundError: if `distribution` is not installed.
    """
    # Slow to import, and `cnnxfer --help` does without.
    from packaging.requirements import Requirement

    missing: list[str] = []
    for line in metadata.requires(distribution) or ():
        requirement = Requirement(line)
        always = _applies(requirement, "")
        if _applies(requirement, extra) and not (extra and always):
            missing += _unmet(requirement)
    return tuple(missing)


def find_extras() -> tuple[Extra, ...]:
    """Returns the extras of cnnxfer that are for users.

    Raises:
        PackageNotFoundError: if cnnxfer runs without having been installed.
    """
    # What developing cnnxfer takes says nothing about using it.
    names = metadata.metadata("cnnxfer").get_all("Provides-Extra") or []
    return tuple(
        Extra(name, missing_requirements("cnnxfer", name))
        for name in names
        if name not in ("dev", "docs")
    )


def has_cuda_libraries() -> bool:
    """Tells whether the packages by which TensorFlow uses a GPU are installed.

    Raises:
        PackageNotFoundError: if TensorFlow is not installed.
    """
    return not missing_requirements("tensorflow", "and-cuda")


def _applies(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate({"extra": extra})


def _unmet(requirement: Requirement) -> list[str]:
    version = installed_version(requirement.name)
    if version is None or not requirement.specifier.contains(version, prereleases=True):
        requirement.marker = None
        return [str(requirement)]
    return [
        line
        for extra in sorted(requirement.extras)
        for line in missing_requirements(requirement.name, extra)
    ]
