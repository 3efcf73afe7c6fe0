"""Checks for the optional packages that only some sources need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from cnnxfer.errors import ConfigError


def require(spec: str, packages: Sequence[str], extra: str) -> None:
    """Checks that packages are installed, without importing them.

    Args:
        spec: the data specification that needs them, for the message.
        packages: names of the packages, as they are imported.
        extra: the extra of cnnxfer that installs them.

    Raises:
        ConfigError: if one is not installed.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"{spec} cannot be read without {', '.join(missing)}. Install: "
            f"pip install 'cnnxfer[{extra}]'"
        )
