"""Tests that images are grouped by a column or by their names."""

from itertools import combinations
from pathlib import Path

import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.preparing.groups import connected_groups, group_names
from cnnxfer.errors import ConfigError

IDS = ("rose/p1_front.jpg", "rose/p1_back.jpg", "tulip/p2_front.jpg", "tulip/other.jpg")


def dataset(**columns: tuple[str, ...]) -> Dataset:
    examples = tuple(Example(name, Labels((0,)), None, Path()) for name in IDS)
    return Dataset("plants", ("rose", "tulip"), examples, columns=columns)


def test_a_column_names_the_groups():
    table = dataset(patient=("a", "a", "b", ""), p1=("x", "y", "x", "y"))
    assert group_names(table, "patient") == ["a", "a", "b", ""]
    assert group_names(table, "p1") == ["x", "y", "x", "y"]  # before the expression


def test_columns_and_groups_are_the_same_in_both_unicode_forms():
    table = dataset(**{"plante\u0301": ("\xe9", "e\u0301", "b", "")})
    assert group_names(table, "plant\xe9") == ["\xe9", "\xe9", "b", ""]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        (r"p\d", ["p1", "p1", "p2", ""]),
        (r"p(\d)_", ["1", "1", "2", ""]),
        (r"(?:rose|tulip)/(p)?", ["p", "p", "p", ""]),
        (r"^[^/]+", ["rose", "rose", "tulip", "tulip"]),
        (r"_(front|back)", ["front", "back", "front", ""]),
    ],
)
def test_a_regular_expression_names_the_groups(expression, names):
    assert group_names(dataset(), expression) == names


def test_an_expression_that_matches_no_image_is_refused():
    with pytest.raises(ConfigError) as error:
        group_names(dataset(), "plant")
    assert str(error.value) == (
        "group_by 'plant' matches no image's name, such as rose/p1_front.jpg, and "
        "the data has no columns. Give a regular expression that matches."
    )


def test_a_similar_column_is_suggested():
    table = dataset(patient=("a", "a", "b", "b"), site=("1", "1", "2", "2"))
    with pytest.raises(ConfigError) as error:
        group_names(table, "pateint")
    assert str(error.value).endswith(
        "and the data has no such column. Did you mean 'patient'? "
        "It has: patient, site."
    )


def test_a_broken_expression_is_refused():
    with pytest.raises(
        ConfigError, match=r"'p\(' is not a regular expression \(missing"
    ):
        group_names(dataset(), "p(")


def test_a_single_group_of_all_images_is_refused():
    with pytest.raises(ConfigError, match=r"'jpg' puts all images into one group"):
        group_names(dataset(), "jpg")


@pytest.mark.parametrize(
    ("links", "groups"),
    [
        ([], []),
        ([(2, 1)], [[1, 2]]),
        ([(1, 1), (2, 2)], [[1], [2]]),
        ([(1, 2), (3, 4), (5, 6), (6, 3)], [[1, 2], [3, 4, 5, 6]]),
        (list(combinations(range(5), 2)), [[0, 1, 2, 3, 4]]),
    ],
)
def test_linked_images_are_one_group(links, groups):
    assert connected_groups(links) == groups
