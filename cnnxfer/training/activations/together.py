"""Divides the computation of activations among workers.

Each worker computes some of the images, as an entry of the store of its own. If all
workers see the same store, the first one puts these entries together; if not, all of
them send each other what they have, which takes less time than to compute it. Of those
that see a store, the first one puts together what comes into it.
"""

import itertools
import secrets
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from cnnxfer.cache import own_directory
from cnnxfer.data.dataset import Example
from cnnxfer.data.views.views import Views
from cnnxfer.engines.engine import Engine
from cnnxfer.errors import RunError
from cnnxfer.networks.cut import CutNetwork
from cnnxfer.reporting import Reporter
from cnnxfer.training.activations.compute import (
    CHUNK_ROWS,
    compute_activations,
    description_of,
    key_of,
    load_activations,
)
from cnnxfer.training.activations.entry import MANIFEST, ROWS, delete_entry, open_entry
from cnnxfer.training.activations.store import Activations, ActivationStore
from cnnxfer.training.workers.files import spread_file
from cnnxfer.training.workers.workers import Workers

# Where another machine has written something, a network disk may show it this late.
LATE_SECONDS = 90.0


def load_together(
    workers: Workers,
    network: CutNetwork,
    engine: Engine,
    examples: Sequence[Example],
    views: Sequence[Views],
    *,
    store: ActivationStore,
    reporter: Reporter,
    title: str,
) -> list[Activations]:
    """Returns what `load_activations` does, of which each worker computes a share.

    Raises:
        RunError: if a worker is lost, and as `load_activations` does.
        DataError: if an image can no longer be read.
    """
    load = partial(
        load_activations,
        network,
        engine,
        examples,
        views,
        store=store,
        reporter=reporter,
        title=title,
    )
    keys = [key_of(network, engine, examples, view) for view in views]
    missing = [
        view for view, key in zip(views, keys, strict=True) if store.find(key) is None
    ]
    places = [views.index(view) for view in missing]
    told = workers.gathered(places)
    places = sorted(set().union(*told))  # what any of them lacks
    if not places:
        return load()
    missing = [views[place] for place in places]
    leaders = _leaders(workers, store)
    shared, leads = not any(leaders), leaders[workers.rank] == workers.rank
    shares = _shares(len(examples), workers.count, engine.batch_size)
    parts = [examples[share] for share in shares]
    keep = [
        store.path_of(key_of(network, engine, images, view))
        for images in (examples, *parts)
        for view in views
    ]
    with ExitStack() as locked:
        if leads:
            locked.enter_context(store.computing(network.key, reporter))
        workers.gathered("locked")
        if part := parts[workers.rank]:
            compute_activations(
                network,
                engine,
                part,
                missing,
                store=store,
                reporter=reporter,
                title=title,
                keep=keep,
            )
        workers.gathered("computed")
        for view in missing:
            entries = [
                store.path_of(key_of(network, engine, part, view)) for part in parts
            ]
            if not shared:
                for rank, (part, entry) in enumerate(zip(parts, entries, strict=True)):
                    if part:
                        _spread(workers, rank, entry)
                workers.gathered("spread")
            if leads:
                _put_together(
                    network, engine, examples, view, parts, store, keep, reporter
                )
    workers.gathered("put together")
    if not leads:
        _await(store, [keys[place] for place in places])
    return load()


def _shares(count: int, workers: int, batch: int) -> list[slice]:
    """Divides images among workers, so that batches remain as they would be.

    Of many images, chunks remain, too.
    """
    block = -(-CHUNK_ROWS // batch) * batch
    if count < 4 * workers * block:
        block = batch
    blocks = -(-count // block)
    ends = [blocks * rank // workers * block for rank in range(workers + 1)]
    return [slice(start, end) for start, end in itertools.pairwise(ends)]


def _leaders(workers: Workers, store: ActivationStore) -> list[int]:
    """Finds out, for each worker, who is the first of those that see the same store.

    Each looks for a new file of each other one.
    """
    own_directory(store.root)
    name = workers.agreed(f"seen-{secrets.token_hex(8)}")
    paths = [store.root / f"{name}-{rank}" for rank in range(workers.count)]
    own = paths[workers.rank]
    own.touch()
    try:
        workers.gathered("touched")
        seen = [path.exists() for path in paths]
        leaders: list[int] = workers.gathered(seen.index(True))
    finally:
        own.unlink()
    return leaders


def _spread(workers: Workers, rank: int, entry: Path) -> None:
    """Gives all workers the entry that one of them has computed."""
    own_directory(entry)
    # The rows first: an entry without a manifest counts as none.
    for name in (ROWS, MANIFEST):
        spread_file(workers, rank, entry / name)


def _put_together(
    network: CutNetwork,
    engine: Engine,
    examples: Sequence[Example],
    view: Views,
    parts: Sequence[Sequence[Example]],
    store: ActivationStore,
    keep: Collection[Path],
    reporter: Reporter,
) -> None:
    """Makes one entry of those of all shares, which are deleted.

    To make room for it, others are deleted, but for those in `keep`.
    """
    key = key_of(network, engine, examples, view)
    if store.find(key):
        return
    delete_entry(store.path_of(key))  # what an earlier process has begun alone
    about = description_of(network, examples)
    writer = store.writer(key, about, len(examples), reporter)
    part_keys = [key_of(network, engine, part, view) for part in parts if part]
    paths = [store.path_of(part_key) for part_key in part_keys]
    # Each share is deleted when it has been copied.
    size_bytes = max((path / ROWS).stat().st_size for path in paths)
    store.make_room(size_bytes, keep=[*keep, writer.path])
    for path, part_key in zip(paths, part_keys, strict=True):
        entry = open_entry(path, part_key)
        if entry is None or not entry.manifest.complete:
            raise RunError(f"{path} is gone or incomplete. Run the same command again.")
        with entry.file as rows:
            rows.seek(0)
            for chunk in entry.manifest.chunks:
                data = rows.read(chunk.rows * entry.manifest.row_bytes)
                writer.append(
                    data,
                    rows=chunk.rows,
                    row_shape=entry.manifest.row_shape,
                    exponent=chunk.exponent,
                )
        delete_entry(path)


def _await(store: ActivationStore, keys: Sequence[dict[str, object]]) -> None:
    """Waits until this worker sees what the first one has written."""
    deadline = time.monotonic() + LATE_SECONDS
    for key in keys:
        while store.find(key) is None and time.monotonic() < deadline:
            with suppress(OSError):  # makes a network disk look again
                list(store.path_of(key).parent.iterdir())
            time.sleep(0.5)
