"""Counts what a command passes over, so that one line can tell."""

from cnnxfer.reporting import printable

HIDDEN = "hidden or system file"
OTHER = "file that is not an image"
CIRCULAR = "link in a circle"
_PLURALS = {
    HIDDEN: "hidden or system files",
    OTHER: "files that are not images",
    CIRCULAR: "links in circles",
}


class PassedOver:
    """What was not looked at: how many of each kind, and the first of each."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, str] = {}

    def add(self, kind: str, name: str) -> None:
        """Counts a file or link of a kind; its name may be shown."""
        self._first.setdefault(kind, name)
        self._counts[kind] = self._counts.get(kind, 0) + 1

    @property
    def total(self) -> int:
        """How many files and links were added."""
        return sum(self._counts.values())

    def line(self) -> str:
        """Returns one line without a full stop; an empty text if nothing was added."""
        told = [
            f"{count:,} {kind if count == 1 else _PLURALS[kind]}, such as "
            f"{printable(self._first[kind])}"
            for kind, count in self._counts.items()
        ]
        return f"passed over {'; '.join(told)}" if told else ""
