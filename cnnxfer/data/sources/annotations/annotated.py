"""What files of annotations say of an image, before classes have numbers."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cnnxfer.data.geometry import Box
from cnnxfer.data.sources.annotations.pictures import Pictures
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object as a file describes it; see `LabelledBox`, which has a number."""

    name: str  # of its class
    box: Box
    crowd: bool = False
    polygons: tuple[tuple[float, ...], ...] = ()
    rle: str = ""


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """An image that exists, and what a file says of it.

    Attributes:
        path: the image.
        file: the file of annotations, for messages.
        objects: in the order of the file; none for background.
        width: the width of the picture that the boxes are for, in pixels; 0 if the file
            does not tell.
        height: its height.
        split: the split that the data set puts it in; None if it has none.
    """

    path: str
    file: str
    objects: tuple[NamedObject, ...]
    width: int = 0
    height: int = 0
    split: str | None = None


@dataclass
class Reading:
    """What the readers of all formats are given, and what they note for the end.

    Attributes:
        root: the folder of the data set; names are relative to it.
        names: the names of the files in it, with slashes; empty where a file was given.
        pictures: finds images as annotations name them.
        reporter: shows messages and progress.
        format: the name of the format that is read, for messages.
        missing: images that are named and don't exist.
        problems: files that cannot be used, each with the reason.
        unread: how many images they are about, at most.
        left_out: how often something was left out, by a noun and what follows it.
        set_aside: images that are left out, and counted there.
    """

    root: str
    names: Sequence[str]
    pictures: Pictures
    reporter: Reporter
    format: str = ""
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unread: int = 0
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    set_aside: set[str] = field(default_factory=set)
    _written: dict[str, str] = field(default_factory=dict)  # for each image

    def picture(
        self, written: Sequence[str], file: str, hints: Sequence[str] = ()
    ) -> str | None:
        """Returns the path of an image; notes it as missing, and returns None, if none.

        Args:
            written: names that may be meant, the likeliest first.
            file: the file that names it.
            hints: names of folders that it likely lies in, such as its class.

        Raises:
            DataError: if a name may mean several images, or another name was written
                for the same image.
        """
        try:
            path = self.pictures.find(written, file, hints)
        except DataError as error:
            raise DataError(
                f"{file} names {written[0]}, which {error}. Write its path in full, or "
                "give the folder of one of them."
            ) from error
        if path is None:
            self.missing.append(written[0])
        else:
            self.name(path, written[0], file)
        return path

    def name(self, path: str, written: str, file: str) -> None:
        """Notes what is written for an image.

        Raises:
            DataError: if something else was: two images would become one.
        """
        written = os.path.normpath(written.replace("\\", "/").strip())
        if (first := self._written.setdefault(path, written)) != written:
            raise DataError(
                f"{file} names {written}, and {first} is named, too; both are found as "
                f"{path}. Put each image where it is named, or delete one of the two."
            )

    def set_aside_unread(self, path: str) -> None:
        """Leaves an image out since nothing that is drawn in it is read.

        As background, it would teach that nothing is there.
        """
        self.left_out["image", "with nothing but shapes of such kinds"] += 1
        self.set_aside.add(path)

    def note_broken(self, error: DataError, images: int) -> None:
        """Notes a file that cannot be used, and how many images it is about."""
        self.problems.append(str(error))
        self.unread += images

    def each(
        self, files: Sequence[str], read: Callable[[str], AnnotatedImage | None]
    ) -> Iterator[AnnotatedImage]:
        """Yields what each of many files says; notes those that cannot be read."""
        title = "reading annotations"
        with self.reporter.progress(title, len(files), "files") as advance:
            for file in files:
                try:
                    image = read(file)
                except DataError as error:
                    self.note_broken(error, 1)
                else:
                    if image is not None:
                        yield image
                advance()
