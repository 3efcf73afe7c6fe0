from collections.abc import Callable

from cnnxfer.runs import Run, in_tree_order

Make = Callable[..., Run]


def shown(runs: list[Run]) -> list[str]:
    """Returns names with a dot for each ancestor; missing runs are in brackets."""
    return [
        "." * relative.depth + (relative.name if relative.run else f"({relative.name})")
        for relative in in_tree_order(runs)
    ]


def test_children_follow_their_parents_and_siblings_their_age(make: Make) -> None:
    runs = [
        make("head"),
        make("other"),
        make("tuned-1", parent="head"),
        make("again", parent="tuned-1"),
        make("tuned-2", parent="head"),
        make("last", parent="other"),
    ]
    assert shown(runs) == [
        "head",
        ".tuned-1",
        "..again",
        ".tuned-2",
        "other",
        ".last",
    ]
    relatives = in_tree_order(runs)
    assert [relative.run for relative in relatives if relative.name == "again"] == [
        runs[3]
    ]


def test_a_child_that_is_older_than_its_parent_is_still_below_it(make: Make) -> None:
    assert shown([make("child", parent="parent"), make("parent")]) == [
        "parent",
        ".child",
    ]


def test_a_parent_that_is_gone_is_named_once(make: Make) -> None:
    runs = [
        make("first"),
        make("a", parent="lost"),
        make("b"),
        make("c", parent="lost"),
        make("below", parent="a"),
    ]
    assert shown(runs) == ["first", "(lost)", ".a", "..below", ".c", "b"]


def test_no_run_is_left_out(make: Make) -> None:
    """Damaged receipts and circles of parents (by renaming) hide no run."""
    damaged = make("damaged")
    (damaged.path / "receipt.json").write_text("{")
    runs = [
        damaged,
        make("below", parent="damaged"),
        make("own", parent="own"),
        make("a", parent="b"),
        make("b", parent="a"),
        make("c", parent="b"),
        make("odd", parent=3),
    ]
    names = [relative.name for relative in in_tree_order(runs)]
    assert sorted(names) == sorted(run.name for run in runs)
    assert shown(runs)[:2] == ["damaged", ".below"]
