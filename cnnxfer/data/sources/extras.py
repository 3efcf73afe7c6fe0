"""Packages that only some sources need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from cnnxfer.errors import ConfigError


def require(spec: str, packages: Sequence[str], extra: str) -> None:
    """Checks that packages are installed, without importing them.

    Raises:
        ConfigError: if one is not; it names the extra of cnnxfer that brings it.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"{spec} cannot be read without {', '.join(missing)}. Install: "
            f"pip install 'cnnxfer[{extra}]'"
        )
