"""What a check says: findings by severity, and how many images there are of what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cnnxfer.registry import Registry
from cnnxfer.reporting import counted

ERROR = "error"  # training cannot work, or its figures would lie
WARNING = "warning"  # it likely hurts
NOTE = "note"  # cnnxfer handles it
SEVERITIES = (ERROR, WARNING, NOTE)


@dataclass(frozen=True)
class Item:
    """One case of a finding.

    Attributes:
        ids: ids of its images; several where they belong together, as copies do.
        classes: the images' labels where these matter, or the classes that the case is
            about.
        note: what is particular to the case, such as a reason or a size.
    """

    ids: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    note: str = ""

    def line(self, most_ids: int = 3) -> str:
        """Returns the case on one line, such as `a.jpg = b.jpg (rose, tulip)`."""
        ids = [*self.ids[:most_ids], *["..."] * (len(self.ids) > most_ids)]
        subject, remarks = " = ".join(ids), [*self.classes, self.note]
        if not ids:
            subject, remarks = ", ".join(self.classes), [self.note]
        remark = ", ".join(filter(None, remarks))
        return " ".join(filter(None, (subject, f"({remark})" * bool(remark))))


@dataclass(frozen=True)
class Finding:
    """All cases of one kind of finding.

    Attributes:
        kind: short name of the kind, such as "truncated".
        severity: "error", "warning" or "note".
        title: what was found, in the plural, such as "truncated images".
        count: number of cases.
        done: what cnnxfer does about it, such as "left out".
        advice: what a person can do about it: a sentence.
        items: the cases.
        quarantine: ids of images that training is better without; `train --exclude`
            leaves them out.
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
    """A kind of finding.

    Attributes:
        name: short, and always the same, such as "truncated".
        severity: one of `SEVERITIES`.
        title: what was found, in the plural; a number follows.
        done: what cnnxfer does about it, such as "left out".
        advice: what a person can do about it: a sentence.
    """

    name: str
    severity: str
    title: str
    done: str
    advice: str

    def found(
        self,
        items: Iterable[Item],
        *,
        quarantine: Iterable[str] = (),
        count: int | None = None,
    ) -> list[Finding]:
        """Returns the finding, or nothing without a case."""
        items = tuple(items)
        if not items:
            return []
        if count is None:
            count = len(items)
        return [
            Finding(
                self.name,
                self.severity,
                self.title,
                count,
                self.done,
                self.advice,
                items,
                tuple(quarantine),
            )
        ]


KINDS: Registry[Kind] = Registry("kind of finding")


@dataclass(frozen=True)
class ClassCount:
    """How many images of a class each part would get.

    Attributes:
        name: name of the class.
        train: number of images for training.
        validation: number of images for validation.
        test: number of images for the test.
    """

    name: str
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Report:
    """What a check of data looked at, and what it found.

    Attributes:
        data: the data, as it was specified.
        images: number of files or records.
        sound: number of those that can be used.
        classes: the classes, in label order.
        findings: what was found, the gravest first.
    """

    data: str
    images: int
    sound: int
    classes: tuple[ClassCount, ...]
    findings: tuple[Finding, ...]

    @property
    def size(self) -> str:
        """How much there is, such as "75 of 78 images can be used, 6 classes"."""
        images = counted(self.images, "image")
        if self.sound < self.images:
            images = f"{self.sound:,} of {images} can be used"
        classes = len(self.classes)
        return f"{images}, {classes:,} class{'es' * (classes != 1)}"

    def of(self, severity: str) -> list[Finding]:
        """Returns the findings of a severity: "error", "warning" or "note"."""
        return [item for item in self.findings if item.severity == severity]

    @property
    def alarming(self) -> bool:
        """Whether there is an error or a warning."""
        return bool(self.of(ERROR) or self.of(WARNING))
