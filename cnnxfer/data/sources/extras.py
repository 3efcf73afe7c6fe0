"""The check for the optional packages that only some sources need."""

from importlib.util import find_spec

from cnnxfer.errors import ConfigError


def require(spec: str, package: str, extra: str) -> None:
    """Checks that a package is installed, without importing it.

    Raises:
        ConfigError: if it is not; the message names the extra that installs it.
    """
    if find_spec(package) is None:
        raise ConfigError(
            f"{spec} cannot be read without {package}. Install: "
            f"pip install 'cnnxfer[{extra}]'"
        )
