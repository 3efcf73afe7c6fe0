"""Tests of `--ignore`: classes of masks that neither teach nor count."""

from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.class_mask import IGNORED, ClassMask
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.masks.ignore import without_ignored
from cnnxfer.errors import ConfigError


class Values:
    """A mask that holds each value once, in one row."""

    name = "a.png"

    def read(self, width: int, height: int) -> np.ndarray:
        return np.arange(256, dtype=np.uint8)[None]


READER = Values()


def dataset() -> Dataset:
    mask = ClassMask(READER, {0: 1, 1: 0, 7: 2}, (0, 1, 2), 256, 1)
    example = Example("a.jpg", mask, None, Path("a.jpg"))
    return Dataset("set", ("flower", "null", "sky"), (example,))


@pytest.mark.parametrize("ignore", ["0,7", "null, sky", "0,sky,255"])
def test_named_values_and_classes_have_no_label(ignore: str) -> None:
    found = without_ignored(dataset(), ignore)
    assert found.class_names == ("flower",)
    mask = found.examples[0].annotation
    assert mask.labels == (0,)
    pixels = mask.pixels()[0]
    assert pixels[1] == 0
    assert (np.delete(pixels, 1) == IGNORED).all()


def test_nothing_more_is_ignored_without_the_option() -> None:
    assert without_ignored(dataset(), "none") == dataset()


def test_what_is_no_value_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"9 is no class of set.* 0 \(null\), 1"):
        without_ignored(dataset(), "0,9")


def test_classes_of_a_run_may_be_missing_in_other_data() -> None:
    found = without_ignored(dataset(), "void,null", must_exist=False)
    assert found.class_names == ("flower", "sky")


def test_data_without_masks_has_nothing_to_ignore() -> None:
    example = Example("a.jpg", Labels((0,)), None, Path("a.jpg"))
    with pytest.raises(ConfigError, match="ignore is 0, and set has no masks"):
        without_ignored(Dataset("set", ("a",), (example,)), "0")
