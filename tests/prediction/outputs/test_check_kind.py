"""What is asked for and not told by a model is refused."""

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.config.prediction import OutputOptions
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.outputs.check_kind import check_kind
from cnnxfer.prediction.outputs.formats import WRITERS
from cnnxfer.tasks.answer import Kind


def checked(kind: Kind, name: str = "jsonl", **outputs: str) -> list[str]:
    """Returns what is told."""
    reporter = RecordingReporter()
    options = OutputOptions(**outputs)
    check_kind(kind, options, WRITERS.get(name), "runs/a", reporter)
    return reporter.infos


@pytest.mark.parametrize(
    ("kind", "name", "outputs", "message"),
    [
        (
            "classes",
            "coco",
            {},
            "format='coco' needs objects, and runs/a answers with ",
        ),
        ("classes", "voc", {}, "answers with classes. Add dense=True and boxes=True"),
        (
            "masks",
            "yolo",
            {},
            "labels already: masks='FOLDER'; or use format='coco'",
        ),
        (
            "classes",
            "table",
            {"drawn": "x"},
            "drawn needs objects or masks, and runs/a",
        ),
        ("objects", "table", {"masks": "x"}, "masks needs masks, and runs/a answers "),
    ],
)
def test_what_a_model_does_not_tell_is_refused(
    kind: Kind, name: str, outputs: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        checked(kind, name, **outputs)
    assert message in str(error.value)


def test_masks_that_go_nowhere_are_told() -> None:
    (told,) = checked("masks")
    assert "to keep the masks themselves, add: masks='FOLDER'" in told
    assert not checked("masks", masks="x")
    assert not checked("masks", sheet="x.html")
    assert not checked("masks", "coco")
    assert not checked("objects", "coco", drawn="x")
