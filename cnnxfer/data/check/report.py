"""The report of a check: its findings by severity, and the sizes of the classes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from cnnxfer.notebook import table
from cnnxfer.registry import Registry
from cnnxfer.reporting import counted
from cnnxfer.spelling import spelled

ERROR = "error"  # training cannot work, or its accuracy would be misleading
WARNING = "warning"  # it probably lowers accuracy
NOTE = "note"  # cnnxfer handles it
SEVERITIES = (ERROR, WARNING, NOTE)


@dataclass(frozen=True)
class Item:
    """One case of a finding: an image, several that belong together, or classes.

    Attributes:
        ids: the ids of its images; several where they belong together, as copies do.
        classes: the images' labels where these matter, or the classes it is about.
        note: what distinguishes this case, such as a reason or a size.
        suggested: the classes that an image rather shows; None where none are asked
            for.
    """

    ids: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    note: str = ""
    suggested: tuple[str, ...] | None = None

    @property
    def remarks(self) -> list[str]:
        """What is said of the images: classes, better ones, and the note."""
        if self.suggested is None:
            return [*self.classes, self.note]
        better = ", ".join(self.suggested) or "none"
        return [*self.classes, f"rather {better}", self.note]

    def line(self, most_ids: int = 3) -> str:
        """Returns the item as one line, such as `a.jpg = b.jpg = ... (rose, tulip)`."""
        ids = [*self.ids[:most_ids], *["..."] * (len(self.ids) > most_ids)]
        subject, remarks = " = ".join(ids), self.remarks
        if not ids:
            subject, remarks = ", ".join(self.classes), [self.note]
        remark = ", ".join(filter(None, remarks))
        return " ".join(filter(None, (subject, f"({remark})" * bool(remark))))


@dataclass(frozen=True)
class Finding:
    """All cases of one kind of problem in a data set.

    Attributes:
        kind: the name of the kind, such as "truncated".
        severity: "error", "warning" or "note".
        title: what was found, in the plural.
        count: how many there are of what the title names.
        done: what cnnxfer does about it, such as "left out".
        advice: what a person can do about it: a sentence.
        items: the cases.
        quarantine: the ids of images that should be excluded from training, with
            `train --exclude`.
    """

    kind: str
    severity: str
    title: str
    count: int
    done: str
    advice: str
    items: tuple[Item, ...] = ()
    quarantine: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of finding, with what all findings of the kind share; see `Finding`.

    The name never changes: people and programs look for it. The advice is a text as
    `spelled` takes it.
    """

    name: str
    severity: str
    title: str
    done: str
    advice: str

    def findings(
        self,
        items: Iterable[Item],
        *,
        quarantine: Iterable[str] = (),
        count: int | None = None,
    ) -> list[Finding]:
        """Returns a list of the one finding of these items; an empty one without items.

        `count` is how many were found, by default the number of items.
        """
        items = tuple(items)
        if not items:
            return []
        count = len(items) if count is None else count
        texts = self.name, self.severity, self.title, count, self.done
        return [Finding(*texts, spelled(self.advice), items, tuple(quarantine))]


KINDS: Registry[Kind] = Registry("kind of finding")


def _define(severity: str, name: str, title: str, done: str, advice: str) -> Kind:
    return KINDS.add(Kind(name, severity, title, done, advice))


# Each adds a kind to `KINDS` and returns it.
error_kind = partial(_define, ERROR)
warning_kind = partial(_define, WARNING)
note_kind = partial(_define, NOTE)


@dataclass(frozen=True)
class ClassCount:
    """How many images of a class each split would get.

    Attributes:
        name: the name of the class.
        train: the number of images to train on.
        validation: the number of images for validation.
        test: the number of images for the test.
    """

    name: str
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Figure:
    """A number that the results of a model are to be held against.

    Attributes:
        name: what it is, such as "mean-box-iou"; it never changes.
        value: the number.
        text: a sentence about it, without a full stop.
    """

    name: str
    value: float
    text: str


@dataclass(frozen=True)
class Report:
    """What was checked, and what was found.

    Attributes:
        data: the data specification, as it was typed.
        images: how many images the data has, sound or broken.
        sound: how many of them are images that can be used.
        classes: the number of images of each class, in label order.
        findings: the findings: errors first, then warnings, then notes.
        figures: what is usual in boxes and masks, which a model must beat.
    """

    data: str
    images: int
    sound: int
    classes: tuple[ClassCount, ...]
    findings: tuple[Finding, ...]
    figures: tuple[Figure, ...] = ()

    @property
    def size(self) -> str:
        """The size of the data, such as "75 of 78 images can be used, 6 classes"."""
        images = counted(self.images, "image")
        if self.sound < self.images:
            images = f"{self.sound:,} of {images} can be used"
        classes = len(self.classes)
        return f"{images}, {classes:,} class{'es' * (classes != 1)}"

    def __repr__(self) -> str:
        counts = [counted(len(self.of(severity)), severity) for severity in SEVERITIES]
        return f"Report({self.data!r}: {', '.join([self.size, *counts])})"

    def _repr_html_(self) -> str:
        rows: list[list[object]] = [["", "count", "what", "done", "advice"]]
        for item in self.findings:
            rows.append([item.severity, item.count, item.title, item.done, item.advice])
        return table(f"check of {self.data}", rows, self.size)

    def of(self, severity: str) -> list[Finding]:
        """Returns the findings of a severity: "error", "warning" or "note"."""
        return [item for item in self.findings if item.severity == severity]

    @property
    def alarming(self) -> bool:
        """Whether there is an error or a warning."""
        return bool(self.of(ERROR) or self.of(WARNING))
