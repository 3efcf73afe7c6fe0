"""A backbone with auxiliary classifiers that is as small as those of other tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cnnxfer.backbones.backbone import Auxiliary, Backbone
from cnnxfer.backbones.catalog import BACKBONES


def with_auxiliary(layers: tuple[str, ...] = ("conv_pw_1_relu",)) -> Backbone:
    """Returns the entry of MobileNet 0.25 with GoogLeNet's auxiliary classifiers."""
    return replace(
        BACKBONES.get("mobilenet-0.25"),
        auxiliary=Auxiliary(
            "cnnxfer.backbones.classics.googlenet:normalized_auxiliary_classifier",
            layers,
            weight=0.3,
        ),
    )


@contextmanager
def mobilenet_has_auxiliary_classifiers() -> Iterator[None]:
    """Has the catalog's MobileNet 0.25 be the entry of `with_auxiliary`."""
    (key,) = (
        key
        for key, entry in BACKBONES._entries.items()
        if entry.name == "mobilenet-0.25"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKBONES._entries, key, with_auxiliary())
        yield
