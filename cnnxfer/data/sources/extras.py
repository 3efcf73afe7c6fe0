"""The check for the optional packages that only some sources need."""

from importlib.util import find_spec

from cnnxfer.errors import ConfigError


def require(spec: str, package: str, extra: str) -> None:
    """Raises a ConfigError that names the extra to install if a package is missing."""
    if find_spec(package) is None:
        raise ConfigError(
            f"{spec} cannot be read without {package}. Install: "
            f"pip install 'cnnxfer[{extra}]'"
        )
