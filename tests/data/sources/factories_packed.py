"""Writes the photographs of `factories.py` in forms that need other libraries."""

import atexit
import io
from functools import cache
from pathlib import Path

import pytest
from buckets import Buckets, serve, set_environment
from factories import CLASS_NAMES, Factory, photos

from cnnxfer.keras_backend import import_tensorflow_quietly

PARTS = ("train", "validation", "test")


def tfds(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    import_tensorflow_quietly()
    import tensorflow_datasets as tfds

    builder = tfds.dataset_builders.store_as_tfds_dataset(
        name="my_flowers",
        version="1.0.0",
        data_dir=root,
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(),
                "label": tfds.features.ClassLabel(names=CLASS_NAMES),
            }
        ),
        split_datasets={
            part: [
                (
                    f"{photo.class_name} {photo.name}",
                    {"image": io.BytesIO(photo.content), "label": photo.class_name},
                )
                for photo in photos()
                if photo.split == part
            ]
            for part in PARTS
        },
    )
    return str(builder.data_path)


def hugging_face(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    datasets = pytest.importorskip("datasets", reason="needs datasets: cnnxfer[hf]")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=list(CLASS_NAMES)),
        }
    )
    splits = {
        part: datasets.Dataset.from_list(
            [
                {
                    "image": {"bytes": photo.content, "path": photo.name},
                    "label": photo.class_name,
                }
                for photo in photos()
                if photo.split == part
            ],
            features=features,
        )
        for part in PARTS
    }
    datasets.DatasetDict(splits).save_to_disk(root / "flowers")
    return str(root / "flowers")


def cloud(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("s3fs", reason="needs s3fs: cnnxfer[cloud]")
    buckets = _buckets()
    buckets.objects = {
        f"flowers/set/{photo.split}/{photo.class_name}/{photo.name}": photo.content
        for photo in photos()
    }
    set_environment(buckets, monkeypatch)
    return "s3://flowers/set"


@cache
def _buckets() -> Buckets:
    server = serve(Buckets())
    atexit.register(server.__exit__, None, None, None)
    return server.__enter__()


FACTORIES: dict[str, Factory] = {
    "tfds": tfds,
    "hugging-face": hugging_face,
    "cloud": cloud,
}
