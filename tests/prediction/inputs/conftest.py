"""Input files that hold their names, and the images that inputs refer to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs import count_images, find_images

NAMES = (
    "photos/b.jpg",
    "photos/a.PNG",
    "photos/notes.txt",
    "photos/.hidden.jpg",
    "photos/.git/c.jpg",
    "photos/deep/er/d.webp",
    "photos/deep/scan.jxl",
    "empty/notes.txt",
    "[1].jpg",
)


@pytest.fixture
def input_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Creates files that hold their names, and changes to their directory."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


Found = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def found() -> Found:
    """Returns names and contents, or reasons in angle brackets; checks the count.

    It takes inputs, and the fields of `InputOptions` by name.
    """

    def find(*inputs: str, **options: object) -> list[tuple[str, str]]:
        settings = InputOptions(**options)  # type: ignore[arg-type]
        count = count_images(inputs, settings)
        results = [
            (source.name, content(source)) for source in find_images(inputs, settings)
        ]
        assert count in (None, len(results))
        return results

    return find


def content(source: ImageSource) -> str:
    try:
        return source.read().decode("latin-1")
    except DataError as error:
        return f"<{error}>"
