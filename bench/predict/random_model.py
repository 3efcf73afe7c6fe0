"""Makes a run whose network has random weights and ImageNet's 1,000 classes.

    python -m bench.predict.random_model resnet50 runs/

It prints the run's directory. Nothing is trained: with it, benchmarks measure how long
a network takes whose weights this machine may not have.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.imagenet import imagenet_classes
from cnnxfer.config import Config
from cnnxfer.keras_backend import import_keras_quietly
from cnnxfer.runs import Run, create_run


def make_run(backbone: Backbone, runs_dir: Path) -> Run:
    """Returns a run that `cnnxfer predict` takes; its classes are WordNet ids."""
    import_keras_quietly()
    from cnnxfer.engines.known_answers import formula_images
    from cnnxfer.networks.classifier import build_classifier
    from cnnxfer.networks.saving import save_model

    class_names = [item.class_id for item in imagenet_classes()]
    size = backbone.image_size
    model = build_classifier(
        backbone, image_size=size, num_classes=len(class_names), dropout=0.0
    )
    run = create_run(runs_dir, f"{backbone.name}-random")
    run.write_config(
        Config(
            backbone=backbone.name,
            data="sample",
            task="classification",
            weights="none",
            image_size=size,
        )
    )
    run.write_classes(class_names)
    save_model(model, run.model_path)
    run.keep_known_answers(model.predict_on_batch(formula_images(size)))  # as training
    run.update_receipt(status="done")
    return run


if __name__ == "__main__":
    print(make_run(BACKBONES.get(sys.argv[1]), Path(sys.argv[2])).path)
