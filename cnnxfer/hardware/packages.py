"""The versions of installed packages, and requirements that are not met."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cnnxfer.errors import ConfigError

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
    """An extra of cnnxfer, such as "gpu", and its requirements that are not met."""

    name: str
    missing: tuple[str, ...]


def require_packages(packages: Iterable[str], what: str, extra: str) -> None:
    """Checks that modules can be imported, without importing them.

    Args:
        packages: their names.
        what: what needs them, for the message.
        extra: the extra of cnnxfer that brings them.

    Raises:
        ConfigError: if one is missing; the message says what installs it.
    """
    missing = [name for name in packages if not find_spec(name)]
    if missing:
        raise ConfigError(
            f"{what} needs {', '.join(missing)}, which is not installed. Install it: "
            f"pip install 'cnnxfer[{extra}]'"
        )


def installed_version(name: str) -> str | None:
    """Returns the version of a package; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def missing_requirements(distribution: str, extra: str = "") -> tuple[str, ...]:
    """Returns the requirements of an installed package that are not met.

    Requirements with extras include what these extras require. With an extra, it is
    only what the extra requires in addition.

    Raises:
        PackageNotFoundError: if `distribution` is not installed.
    """
    # Slow to import, and not needed for `cnnxfer --help`.
    from packaging.requirements import Requirement

    missing: list[str] = []
    for line in metadata.requires(distribution) or ():
        requirement = Requirement(line)
        always = _applies(requirement, "")
        if _applies(requirement, extra) and not (extra and always):
            missing += _unmet(requirement)
    return tuple(missing)


def find_extras() -> tuple[Extra, ...]:
    """Returns the extras of cnnxfer that are meant for users.

    Raises:
        PackageNotFoundError: if cnnxfer is not installed.
    """
    # The extras for developing cnnxfer say nothing about using it.
    names = metadata.metadata("cnnxfer").get_all("Provides-Extra") or []
    return tuple(
        Extra(name, missing_requirements("cnnxfer", name))
        for name in names
        if name not in ("dev", "docs")
    )


def has_cuda_libraries() -> bool:
    """Returns whether the packages that TensorFlow needs for a GPU are installed.

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
