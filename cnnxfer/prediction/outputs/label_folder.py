"""A folder of labels, with a file for each image."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cnnxfer.errors import ConfigError
from cnnxfer.files import TEMPORARY, check_parent_folder
from cnnxfer.prediction.outputs.names import ImageNames
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.spelling import option


@dataclass(frozen=True)
class LabelFolder:
    """Where the labels of images are written.

    Attributes:
        here: the folder until it is complete.
        path: the folder when it is.
        names: the names of the images, which their labels have, too.
    """

    here: Path
    path: Path
    names: ImageNames

    def file(
        self, prediction: Prediction, suffix: str, below: str = ""
    ) -> tuple[Path, str]:
        """Returns the file for an image's labels, and the image as seen from there.

        Args:
            prediction: the image.
            suffix: the suffix of the file.
            below: the folder in this one that all such files lie in.
        """
        name = os.path.join(below, f"{self.names.of(prediction)}{suffix}")
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path, seen_from((self.path / name).parent, prediction.path)


def seen_from(folder: Path, image: str) -> str:
    """Returns the path of an image as a file in a folder names it, with slashes.

    An image that is no file, but lies in an archive or at a web address, keeps its
    name.
    """
    if not os.path.isfile(image):
        return image
    above, name = os.path.split(image)
    start, real = os.path.realpath(folder), os.path.realpath(above)
    return Path(os.path.relpath(os.path.join(real, name), start)).as_posix()


def check_label_folder(path: Path) -> None:
    """Checks, before any work, that a folder of labels can be made.

    Raises:
        ConfigError: if it cannot, or something is there.
    """
    check_parent_folder(option("--out"), path)
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise ConfigError(
            f"{option('--out')} {path} already exists; labels are written into a new "
            "folder. Name another one, or move it away."
        )


@contextmanager
def open_label_folder(path: Path, inputs: Sequence[str]) -> Iterator[LabelFolder]:
    """Opens a folder that gets its name when it is complete; it is empty or absent.

    After an error, it is not there.

    Args:
        path: the folder.
        inputs: the inputs that the images are found in, as they were typed.
    """
    with TemporaryDirectory(prefix=TEMPORARY, dir=path.parent) as above:
        here = Path(above, path.name)
        here.mkdir()
        yield LabelFolder(here, path, ImageNames(inputs))
        if path.exists():
            path.rmdir()  # Windows renames nothing to a name that is taken
        here.rename(path)
