"""The source for `cnnxfer:sample`: synthetic flowers, which need no download."""

import dataclasses

from cnnxfer.cache import cache_dir, cached_directory
from cnnxfer.data.dataset import Dataset
from cnnxfer.data.sample import flowers
from cnnxfer.data.sources import folder
from cnnxfer.reporting import Reporter


def load(spec: str, reporter: Reporter) -> Dataset:
    """Lists the synthetic flowers; draws them into the cache the first time."""
    directory = cached_directory(
        cache_dir() / "sample" / f"v{flowers.VERSION}",
        lambda path: flowers.write_sample(path, reporter),
        reporter,
    )
    dataset = folder.load(str(directory), reporter)
    return dataclasses.replace(dataset, name="sample", title="sample (synthetic)")
