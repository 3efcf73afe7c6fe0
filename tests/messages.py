"""A reporter that keeps what it is told."""

from cnnxfer.reporting import Reporter


class Messages(Reporter):
    """Keeps what is said, and of what was warned."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def info(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.warned.append(message)
