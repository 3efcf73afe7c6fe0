"""Where images are answered, as it is typed."""

from importlib.util import find_spec

from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option

RAY = "ray"
HERE = "here"


def check_place(place: str) -> None:
    """Checks what `--on` names, without connecting to it.

    Raises:
        ConfigError: if it names no cluster, or Ray is not installed.
    """
    if place == HERE:
        return
    if place != RAY and not place.startswith(f"{RAY}://"):
        raise ConfigError(
            f"{option('--on')} is {place!r}; expected {HERE!r}, {RAY!r} or the address "
            f"of a cluster, such as {RAY}://HOST:10001."
        )
    if find_spec(RAY) is None:
        raise ConfigError(
            f"{option('--on', place)} needs Ray, here and on the machines of the "
            "cluster. Install: pip install 'cnnxfer[ray]'"
        )
