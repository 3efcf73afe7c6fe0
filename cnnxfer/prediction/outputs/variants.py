"""What has answered the images of a shard, in all processes that worked on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from cnnxfer.files import read_json_with_hash, write_json_with_hash
from cnnxfer.prediction.outputs.part import finished_variants
from cnnxfer.prediction.outputs.stages import Flow
from cnnxfer.prediction.prediction import Prediction


class Variants:
    """The engines that have answered, each with its precision.

    They lie beside the unfinished file, each before the first answer it has given, so
    that those of a process that was killed are known as well.

    Attributes:
        known: each engine and its precision.
    """

    def __init__(
        self, path: Path, current: Callable[[], tuple[str, str] | None]
    ) -> None:
        """Takes the file of a shard.

        Args:
            path: its name when it is complete.
            current: returns the engine that answers now and its precision, if any.
        """
        self.known: list[list[str]] = []
        self._path = path
        self._current = current
        self._beside = path.with_name(f"{path.name}.part.variants")

    def begin(self, *, resumed: bool) -> None:
        """Reads what has answered before, if there are earlier answers."""
        if resumed:
            kept = read_json_with_hash(self._beside, list[list[str]])
            self.known = finished_variants(self._path) if kept is None else kept

    def watch(self, predictions: Iterable[Prediction]) -> Flow:
        """Passes predictions on, after noting what answers them."""
        last = None
        for prediction in predictions:
            current = self._current()
            if current and current != last:
                last = current
                if [*current] not in self.known:
                    self.known.append([*current])
                    write_json_with_hash(self._beside, self.known)
            yield prediction

    def forget(self) -> None:
        """Removes what lies beside the file, when that is complete."""
        self._beside.unlink(missing_ok=True)
