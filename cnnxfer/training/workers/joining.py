"""The workers of this process: found once, and the same for all that it trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from cnnxfer.errors import CnnxferError, Interrupted, first_line
from cnnxfer.records import from_json
from cnnxfer.reporting import Reporter
from cnnxfer.training.workers.cluster import Cluster

if TYPE_CHECKING:
    from cnnxfer.training.workers.workers import Workers

Decision = TypeVar("Decision")

END = "end"  # what the first worker orders when all is done

# TensorFlow connects a process to others once, so these remain the same.
_met: Workers | None = None
_joined: Workers | None = None  # while this process trains with them


def joined() -> Workers | None:
    """Returns the workers that this process is one of; None if it trains alone."""
    return _joined


def is_follower() -> bool:
    """Returns whether this process has trained for another, which has the run."""
    return _met is not None and not _met.is_first


def join(cluster: Cluster, wait_seconds: float) -> Workers:
    """Waits for the other workers, unless this process has met them before.

    Raises:
        ConfigError: if another version of cnnxfer is one of them.
        RunError: if they don't come in time, or one of those met has ended.
    """
    global _met, _joined
    if _met is None:
        # It takes NumPy, which is loaded when there is something to do.
        from cnnxfer.training.workers.workers import Workers

        _met = Workers(cluster, wait_seconds)
    else:
        _met.check()
    _met.hear_signals()
    _joined = _met
    return _joined


def part() -> None:
    """Ends the work with the other workers, each of which may end as a process now."""
    global _joined
    if _joined:
        _joined.part()
    _joined = None


@contextmanager
def leading(
    cluster: Cluster | None,
    wait_seconds: float,
    reporter: Reporter,
    *,
    ends: bool = True,
) -> Iterator[None]:
    """Waits for the other workers, if there are any, and tells them how it ends.

    Args:
        cluster: the workers, of which this process is the first; None to train alone.
        wait_seconds: how long to wait for them.
        reporter: says that they are waited for.
        ends: whether nothing follows the block that they would take part in.

    Raises:
        ConfigError: if another version of cnnxfer is one of them.
        RunError: if they don't come in time.
    """
    if cluster is None:
        yield
        return
    with reporter.wait("waiting for the other workers"):
        workers = join(cluster, wait_seconds)
    try:
        yield
        if ends:
            workers.agreed({"order": END})
    except BaseException as error:
        workers.leave(reason_to_leave(error))
        raise
    if ends:
        part()


def reason_to_leave(error: BaseException) -> str:
    """Returns what a worker that ends with an error tells the others."""
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return "it was interrupted"
    return str(error) if isinstance(error, CnnxferError) else first_line(error)


def clock() -> float:
    """Returns seconds by `time.monotonic`; all workers get those of the first.

    So what depends on time is the same for all of them.
    """
    seconds = time.monotonic()
    return seconds if _joined is None else float(_joined.agreed(seconds))


def decided(kind: type[Any], decide: Callable[[], Decision]) -> Decision:
    """Returns what `decide` returns, which workers leave to the first of them.

    Args:
        kind: what is decided: a type that `from_json` reads, such as a dataclass; of
            one that may be None, the type without that.
        decide: is called by the first worker, or by a process that trains alone.
    """
    if _joined is None or _joined.is_first:
        decision = decide()
        if _joined:
            _joined.agreed(decision)
        return decision
    told = _joined.agreed(None)
    return cast(Decision, told if told is None else from_json(kind, told))
