"""How workers find each other: all connect to the first one, which waits for them."""

import hashlib
import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.records import from_json, parse_json
from cnnxfer.reporting import duration, listed
from cnnxfer.spelling import option
from cnnxfer.training.workers.cluster import Cluster
from cnnxfer.training.workers.link import HEADER, JSON, Link
from cnnxfer.version import __version__

RETRY_SECONDS = 0.5
GREETING_SECONDS = 10.0
GREETING_BYTES = 1 << 20


def meet(cluster: Cluster, wait_seconds: float) -> tuple[list[Link], tuple[str, ...]]:
    """Waits until all workers are there.

    Returns:
        The connections: of the first worker those to all others, in order, and of the
        others the one to the first. And where each worker is to have its server of
        TensorFlow, as `host:port`.

    Raises:
        ConfigError: if another version of cnnxfer greets, or one rank does twice.
        RunError: if somebody has not come in time.
    """
    deadline = time.monotonic() + wait_seconds
    if cluster.rank:
        return _go(cluster, deadline, wait_seconds)
    return _await(cluster, deadline, wait_seconds)


def _await(
    cluster: Cluster, deadline: float, wait_seconds: float
) -> tuple[list[Link], tuple[str, ...]]:
    """Waits, as the first worker, for all others."""
    arrived: dict[int, tuple[socket.socket, str]] = {}
    hosts: dict[int, str] = {}
    with _listening(cluster) as listener:
        while len(arrived) < cluster.count - 1:
            left = deadline - time.monotonic()
            if left <= 0:
                missing = set(range(1, cluster.count)) - arrived.keys()
                raise _absent(cluster, sorted(missing), wait_seconds)
            listener.settimeout(min(left, 1.0))
            with suppress(TimeoutError):
                connection, (address, *_) = listener.accept()
                host = _host_of(connection, address, cluster)
                # Whatever else looks at open ports says nothing that makes sense.
                with suppress(OSError, ValueError, EOFError):
                    rank, port = _greeted(connection, cluster)
                    if rank in arrived:
                        raise ConfigError(
                            f"two processes are worker {rank}, on {hosts[rank]} and "
                            f"{host}. Give each a number of its own."
                        )
                    arrived[rank] = connection, _address(host, port)
                    hosts[rank] = host
        own = _address(cluster.host, _free_port())
    addresses = cluster.addresses or (
        own,
        *(arrived[rank][1] for rank in range(1, cluster.count)),
    )
    for connection, _ in arrived.values():
        _send(connection, {"addresses": addresses})
    links = [
        Link(arrived[rank][0], rank, hosts[rank]) for rank in range(1, cluster.count)
    ]
    return links, addresses


def _go(
    cluster: Cluster, deadline: float, wait_seconds: float
) -> tuple[list[Link], tuple[str, ...]]:
    """Connects to the first worker, which may not have started yet."""
    while True:
        try:
            connection = socket.create_connection(
                (cluster.host, cluster.port), timeout=GREETING_SECONDS
            )
            break
        except OSError as error:
            if time.monotonic() > deadline:
                raise _absent(cluster, [0], wait_seconds) from error
            time.sleep(RETRY_SECONDS)
    greeting = {
        "cnnxfer": __version__,
        "rank": cluster.rank,
        "cluster": _fingerprint(cluster),
        "port": _free_port(),
    }
    _send(connection, greeting)
    # The first one waits for others, and is the one to say who has not come.
    while not select.select([connection], [], [], 0.5)[0]:
        if time.monotonic() > deadline + GREETING_SECONDS:
            raise _absent(cluster, [0], wait_seconds)
    try:
        answer = _receive(connection)
    except (OSError, EOFError) as error:
        raise RunError(
            f"worker 0 at {cluster.host}:{cluster.port} has ended before the work "
            "began; see what it says."
        ) from error
    addresses = from_json(tuple[str, ...], answer["addresses"])
    return [Link(connection, 0, cluster.host)], addresses


def _greeted(connection: socket.socket, cluster: Cluster) -> tuple[int, int]:
    """Returns the rank and the port of whoever has connected."""
    connection.settimeout(GREETING_SECONDS)
    greeting = _receive(connection)
    version = greeting.get("cnnxfer")
    if version != __version__:
        raise ConfigError(
            f"a worker has cnnxfer {version}, and this one {__version__}. Install the "
            "same version everywhere."
        )
    if greeting.get("cluster") != _fingerprint(cluster):
        raise ValueError("of other processes that train elsewhere")
    rank, port = int(greeting["rank"]), int(greeting["port"])
    if not 0 < rank < cluster.count:
        raise ValueError(f"no such worker: {rank}")
    return rank, port


def _host_of(connection: socket.socket, address: str, cluster: Cluster) -> str:
    """Returns the name under which all find the machine that connects from an address.

    On the machine of worker 0, that is the one that all have connected to.
    """
    here = connection.getsockname()[0]
    is_here = address == here or ip_address(address).is_loopback
    return cluster.host if is_here else address


def _fingerprint(cluster: Cluster) -> str:
    """Returns what all workers of a cluster know."""
    known = [cluster.count, cluster.port, cluster.name, *cluster.addresses]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


@contextmanager
def _listening(cluster: Cluster) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server(
            ("", cluster.port), backlog=cluster.count, reuse_port=False
        )
    except OSError as error:
        raise ConfigError(
            f"port {cluster.port} can't be listened at: {error.strerror}. Choose "
            "another one for worker 0."
        ) from error
    with listener:
        yield listener


def _absent(cluster: Cluster, missing: list[int], wait_seconds: float) -> RunError:
    who = [
        f"worker {rank}"
        + (f" ({cluster.addresses[rank]})" if cluster.addresses else "")
        for rank in missing[:5]
    ]
    if len(missing) > 5:
        who.append(f"{len(missing) - 5} more")
    verb = "has" if len(missing) == 1 else "have"
    where = f"{cluster.host}:{cluster.port}"
    place = f" nobody answers at {where}" if missing == [0] else f" this is {where}"
    return RunError(
        f"{listed(who)} of {cluster.count} {verb} not come within "
        f"{duration(wait_seconds)};{place}. See why, and start all workers again; "
        f"{option('--wait', '10m')} waits longer."
    )


def _send(connection: socket.socket, value: Any) -> None:
    content = json.dumps(value).encode()
    connection.sendall(HEADER.pack(JSON, len(content)) + content)


def _receive(connection: socket.socket) -> dict[str, Any]:
    kind, size = HEADER.unpack(_exactly(connection, HEADER.size))
    if kind != JSON or size > GREETING_BYTES:
        raise ValueError("no worker")
    return from_json(dict[str, Any], parse_json(_exactly(connection, size)))


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise EOFError
        content += part
    return bytes(content)


def _free_port() -> int:
    with socket.create_server(("", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
