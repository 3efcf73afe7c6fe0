"""OpenVINO against Keras, on one network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.engines.agreement import Verdict, compare
from cnnxfer.engines.batch_size import fastest_batch_size
from cnnxfer.engines.converted import convert, find_converted
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.engine import Engine, Network
from cnnxfer.engines.openvino_engine import OpenVinoEngine
from cnnxfer.engines.refusals import keep_refusal, kept_refusal
from cnnxfer.engines.variants import variants
from cnnxfer.engines.verdicts import Record, keep_record, kept_record
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    from cnnxfer.engines.keras_engine import KerasEngine

# How many pictures are compared. Where fewer are to be answered, converting a network
# takes longer than Keras takes for all of them.
SAMPLES = 32
TOO_FEW = "there are too few pictures to compare it with Keras on"


class Trial:
    """Lets OpenVINO answer where it has shown that it answers as Keras does.

    What is costly is done when it is needed, and once.
    """

    def __init__(
        self,
        network: Network,
        samples: Callable[[], np.ndarray],
        reporter: Reporter,
        *,
        batch: int | None = None,
        reference: Callable[[], np.ndarray] | None = None,
        occasion: str = "once",
    ) -> None:
        """Takes what `choose_engine` takes, and what is said of a conversion."""
        self.network = network
        self.reporter = reporter
        self._samples = samples
        self._batch = batch
        self._reference = reference
        self._occasion = occasion
        self._openvino = cache(OpenVinoEngine)  # it takes a while to compile

    @cached_property
    def keras_engine(self) -> KerasEngine:
        """Keras with the network."""
        # It takes seconds to import. Where OpenVINO has passed before, nobody asks.
        import_tensorflow_quietly()
        from cnnxfer.engines.keras_engine import KerasEngine

        return KerasEngine(self.network.build(), self._batch)

    @cached_property
    def pictures(self) -> np.ndarray:
        """What there is, uint8 `(images, size, size, 3)`."""
        return self._samples()

    @cached_property
    def compared(self) -> np.ndarray:
        """What is compared: the pictures, and where they are too few, variants."""
        return variants(self.pictures, max(SAMPLES, len(self.pictures)))

    @cached_property
    def reference(self) -> np.ndarray:
        """What Keras answers to them, in float32."""
        if self._reference is not None and len(self.pictures) >= SAMPLES:
            return self._reference()
        return answer_all(
            ElasticEngine(self.keras_engine, self.reporter), self.compared
        )

    def fastest(self, precisions: Sequence[str]) -> OpenVinoEngine | None:
        """Returns OpenVINO in the first precision that passes.

        Without a verdict in the cache, it takes `SAMPLES` pictures to compare.

        Args:
            precisions: fastest first.

        Returns:
            None if none passes or the pictures are too few.
        """
        try:
            return self._engine(precisions, SAMPLES)
        except Refused:
            return None

    def insist(self, precisions: Sequence[str]) -> OpenVinoEngine:
        """Returns the same, compared on variants too where pictures are few.

        Raises:
            RunError: if none passes.
        """
        try:
            return self._engine(precisions, 1)
        except Refused as refused:
            raise RunError(
                f"OpenVINO cannot answer as asked: {refused}. "
                "Leave --engine and --precision at auto to go on."
            ) from refused

    def prepare(self, precisions: Sequence[str]) -> None:
        """Sees to it that the cache has a verdict, on few pictures too."""
        with suppress(Refused):
            self._passing(precisions, 1)

    def _engine(self, precisions: Sequence[str], least: int) -> OpenVinoEngine:
        directory, precision, batch_size = self._passing(precisions, least)
        return self._openvino(directory, precision, self._batch or batch_size)

    def _passing(
        self, precisions: Sequence[str], least: int
    ) -> tuple[Path, str, int | None]:
        """Returns the converted network, the first precision that passes, its batch."""
        directory = self._find() or self._convert(least)
        refusals = []
        for precision in precisions:
            record = self._record(directory, precision, least)
            if record.verdict.passed:
                return directory, precision, record.batch_size
            refusals.append(f"in {precision}, {record.verdict.figures}")
        raise Refused("; ".join(refusals))

    def _find(self) -> Path | None:
        try:
            return find_converted(self.network.key)
        except ConfigError as error:  # there is no place for a cache
            self.reporter.info(f"OpenVINO is not used: {error}")
            raise Refused(str(error).removesuffix(".")) from error

    def _convert(self, least: int) -> Path:
        if len(self.pictures) < least:
            raise Refused(TOO_FEW)
        model = self.keras_engine.model  # its own errors are not OpenVINO's
        reason = kept_refusal(self.network.key)
        if reason is None:
            self.reporter.info(f"converting the network for OpenVINO, {self._occasion}")
            try:
                return convert(self.network.key, model)
            except Exception as error:  # OpenVINO raises many kinds
                reason = _short(error)
                if not (isinstance(error, OSError) or is_out_of_memory(error)):
                    keep_refusal(self.network.key, reason)
        self.reporter.info(
            f"OpenVINO is not used: it cannot take this network ({reason})"
        )
        raise Refused(f"it cannot take this network ({reason})")

    def _record(self, directory: Path, precision: str, least: int) -> Record:
        kept = kept_record(directory, precision)
        if kept and kept.verdict.passed:
            # Beside it, the first pictures are decoded. Likely these need no look.
            self._openvino(directory, precision, self._batch or kept.batch_size)
        # What rests on few pictures is good until there are more.
        if kept and (kept.pictures >= SAMPLES or len(self.pictures) < SAMPLES):
            return kept
        if len(self.pictures) < least:
            return Record(Verdict(False, TOO_FEW), pictures=0)
        reference = self.reference  # its own errors are not OpenVINO's
        try:
            record = self._compare(directory, precision, reference)
        except Exception as error:  # as many kinds
            record = Record(Verdict(False, f"it fails ({_short(error)})"), pictures=0)
        else:
            keep_record(directory, precision, record)
        if not record.verdict.passed:
            self.reporter.info(
                f"OpenVINO in {precision} is not used, for it does not answer as "
                f"Keras does: {record.verdict.figures}"
            )
        return record

    def _compare(
        self, directory: Path, precision: str, reference: np.ndarray
    ) -> Record:
        engine = OpenVinoEngine(directory, precision)
        elastic = ElasticEngine(engine, self.reporter)
        few = precision == "bfloat16" and len(self.pictures) < SAMPLES
        verdict = compare(
            answer_all(elastic, self.compared),
            reference,
            outputs=self.network.outputs,
            precision="bfloat16 on variants" if few else precision,
        )
        size = fastest_batch_size(engine, self.compared) if verdict.passed else None
        return Record(verdict, len(self.pictures), size)


class Refused(Exception):
    """OpenVINO may not answer; the message is the reason."""


def answer_all(engine: Engine, pictures: np.ndarray) -> np.ndarray:
    """Returns an engine's answers to any number of pictures that are in memory."""
    size = engine.batch_size
    batches = (pictures[at : at + size] for at in range(0, len(pictures), size))
    return np.concatenate(list(engine.run(batches)))


def _short(error: Exception) -> str:
    """Returns the line of a message that says most."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # OpenVINO lists what it cannot do, between what everybody knows.
    reasons = [line for line in lines if line.startswith("-- ")]
    return reasons[0].removeprefix("-- ") if reasons else lines[-1]
