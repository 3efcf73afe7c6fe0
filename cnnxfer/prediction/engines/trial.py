"""OpenVINO against Keras, on one network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.prediction.engines.agreement import Verdict, compare
from cnnxfer.prediction.engines.converted import convert, find_converted
from cnnxfer.prediction.engines.engine import Engine, Network
from cnnxfer.prediction.engines.openvino_engine import OpenVinoEngine
from cnnxfer.prediction.engines.verdicts import keep_verdict, kept_verdict
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter

if TYPE_CHECKING:
    from cnnxfer.prediction.engines.keras_engine import KerasEngine

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
        reference: Callable[[], np.ndarray] | None,
        reporter: Reporter,
    ) -> None:
        """Takes what `choose_engine` takes."""
        self.network = network
        self.reporter = reporter
        self._samples = samples
        self._reference = reference

    @cached_property
    def keras_engine(self) -> KerasEngine:
        """Keras with the network."""
        # It takes seconds to import. Where OpenVINO has passed before, nobody asks.
        import_tensorflow_quietly()
        from cnnxfer.prediction.engines.keras_engine import KerasEngine

        return KerasEngine(self.network.build())

    @cached_property
    def pictures(self) -> np.ndarray:
        """What is compared, uint8 `(images, size, size, 3)`."""
        return self._samples()

    @cached_property
    def reference(self) -> np.ndarray:
        """What Keras answers to the pictures, in float32."""
        if self._reference is not None:
            return self._reference()
        return answer_all(self.keras_engine, self.pictures)

    def fastest(self, precisions: Sequence[str]) -> Engine | None:
        """Returns OpenVINO in the first precision that passes.

        Without a verdict in the cache, it takes `SAMPLES` pictures to compare.

        Args:
            precisions: fastest first.

        Returns:
            None if none passes or the pictures are too few.
        """
        try:
            return self._fastest(precisions, SAMPLES)
        except Refused:
            return None

    def insist(self, precisions: Sequence[str]) -> Engine:
        """Returns the same, compared on fewer pictures if there are no more.

        Raises:
            RunError: if none passes.
        """
        try:
            return self._fastest(precisions, 1)
        except Refused as refused:
            raise RunError(
                f"OpenVINO cannot answer as asked: {refused}. "
                "Leave --engine and --precision at auto to go on."
            ) from refused

    def _fastest(self, precisions: Sequence[str], least: int) -> Engine:
        directory = self._find() or self._convert(least)
        refusals = []
        for precision in precisions:
            verdict = kept_verdict(directory, precision)
            if verdict is None:
                verdict = self._compare(directory, precision, least)
            if verdict.passed:
                return OpenVinoEngine(directory, precision)
            refusals.append(f"in {precision}, {verdict.figures}")
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
        self.reporter.info("converting the network for OpenVINO, once")
        try:
            return convert(self.network.key, model)
        except Exception as error:  # OpenVINO raises many kinds
            reason = f"it cannot take this network ({_short(error)})"
            self.reporter.info(f"OpenVINO is not used: {reason}")
            raise Refused(reason) from error

    def _compare(self, directory: Path, precision: str, least: int) -> Verdict:
        if len(self.pictures) < least:
            return Verdict(False, TOO_FEW)
        reference = self.reference
        try:
            answers = answer_all(OpenVinoEngine(directory, precision), self.pictures)
        except Exception as error:  # as many kinds
            verdict = Verdict(False, f"it fails ({_short(error)})")
        else:
            verdict = compare(
                answers, reference, outputs=self.network.outputs, precision=precision
            )
            if len(self.pictures) >= SAMPLES:
                keep_verdict(directory, precision, verdict)
        if not verdict.passed:
            self.reporter.info(
                f"OpenVINO in {precision} is not used, for it does not answer as "
                f"Keras does: {verdict.figures}"
            )
        return verdict


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
