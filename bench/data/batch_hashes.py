"""Prints hashes of a folder's split and of its first training batches, as JSON.

python -m bench.data.batch_hashes FOLDER LEVEL THREADS
"""

from __future__ import annotations

import hashlib
import json
import os
import sys

from cnnxfer.keras_backend import import_keras_quietly

BATCHES = 100
BATCH_SIZE = 32


def main(folder: str, level: str, threads: int) -> None:
    """Hashes what a training would begin with."""
    os.cpu_count = lambda: threads  # what the pipeline asks for its number of threads
    import_keras_quietly()
    from cnnxfer.config import load_config
    from cnnxfer.data.feeding.loader import Loader
    from cnnxfer.data.feeding.pixels import training_batches
    from cnnxfer.data.prepared import prepare_data
    from cnnxfer.data.views.views import central_views
    from cnnxfer.reporting import Reporter
    from cnnxfer.tasks.data import load_data
    from cnnxfer.training.optimization.sampling import epoch_order

    config = load_config(None, {"data": folder, "augment": level})
    task, dataset = load_data(folder, Reporter())
    data = prepare_data(dataset, config, Reporter())
    split = hashlib.sha256()
    for example, part in zip(data.examples, data.splits, strict=True):
        label = example.annotation.text(data.class_names)
        split.update(f"{example.sha256} {label} {part}\n".encode())
    train = data.by_split().train
    central = central_views(config)
    targets = task.targets(train, len(data.class_names), central, 224)
    labels = [example.labels for example in train]
    loader = Loader(train, 224)
    batches = training_batches(
        loader,
        lambda indices, views: targets[indices],
        config,
        lambda epoch: epoch_order(labels, config.seed, epoch, config.sampling),
        batch_size=BATCH_SIZE,
        steps_per_epoch=len(train) // BATCH_SIZE,
    )
    pixels = hashlib.sha256()
    for seen, mixed in batches.take(BATCHES).as_numpy_iterator():
        pixels.update(seen.tobytes())
        pixels.update(mixed.tobytes())
    loader.close()
    print(
        json.dumps({"split": split.hexdigest()[:12], "pixels": pixels.hexdigest()[:12]})
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
