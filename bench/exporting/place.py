"""Runs and rows of these benchmarks, which outlive a failure.

They are kept in a folder of `TMPDIR`, so that who starts a benchmark again goes on
where it was. Without that folder, it begins anew.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import gettempdir

from bench.lib.results import Cell, show
from bench.lib.trainings import Workplace


class Place:
    """A folder for all exporting benchmarks, with one cache and one set of runs."""

    def __init__(self) -> None:
        """Finds or makes the folder."""
        self.folder = Path(gettempdir()) / "bench-exporting"
        self.folder.mkdir(exist_ok=True)
        self.exports = self.folder / "exports"
        self._cache = self.folder / "cache"
        os.environ["CNNXFER_CACHE"] = str(self._cache)

    def trained(
        self, name: str, prepare: Callable[[Path], Path | str], *options: str
    ) -> Path:
        """Returns a run on a data set, which is trained if it isn't there yet.

        Args:
            name: the name of the run.
            prepare: returns the data specification; files go to the folder.
            options: those of `cnnxfer train`.
        """
        path, files = self.folder / "runs" / name, self.folder / f"{name}-data"
        if not (path / "model.keras").exists():
            shutil.rmtree(path, ignore_errors=True)
            shutil.rmtree(files, ignore_errors=True)
            files.mkdir()
            work = Workplace(self.folder)
            work.run("train", str(prepare(files)), "--name", name, *options)
        return path

    def flowers(self) -> Path:
        """Returns a run on tf_flowers with all epochs."""
        return self.trained("flowers", lambda _: "tf_flowers")

    def forget_conversions(self) -> None:
        """Removes what is left of other exports, which the next one would use."""
        shutil.rmtree(self._cache / "engines", ignore_errors=True)
        shutil.rmtree(self.exports, ignore_errors=True)

    def row(
        self, table: str, key: Sequence[str], measure: Callable[[], list[Cell]]
    ) -> list[Cell]:
        """Returns a row of a table, which is measured unless that was done before.

        Args:
            table: the name of the benchmark.
            key: the first cells of the row.
            measure: returns the others.
        """
        rows = self.folder / f"{table}.jsonl"
        if rows.exists():
            for line in rows.read_text(encoding="utf-8").splitlines():
                row: list[Cell] = json.loads(line)
                if row[: len(key)] == [*key]:
                    return row
        row = [*key, *measure()]
        with rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        show(" ".join(key), measured=row[len(key) :])
        return row
