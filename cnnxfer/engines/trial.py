"""The trial that decides whether OpenVINO may run a network in place of Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.engines.agreement import compare
from cnnxfer.engines.batch_size import fastest_batch_size
from cnnxfer.engines.calibration import LEAST_PICTURES, Calibration, calibrated
from cnnxfer.engines.converted import convert, find_converted, is_refusal
from cnnxfer.engines.elastic_engine import ElasticEngine
from cnnxfer.engines.engine import Engine, Network
from cnnxfer.engines.known_answers import are_known, formula_images
from cnnxfer.engines.openvino_engine import OpenVinoEngine
from cnnxfer.engines.variants import variants
from cnnxfer.engines.verdicts import (
    TrialRecord,
    read_record,
    read_refusal,
    save_record,
    save_refusal,
)
from cnnxfer.errors import CnnxferError, ConfigError, RunError
from cnnxfer.keras_backend import starting_keras
from cnnxfer.reporting import Reporter, counted
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import Verdict

if TYPE_CHECKING:
    import keras

    from cnnxfer.engines.keras_engine import KerasEngine

# The number of images that are compared. For fewer, converting a network takes longer
# than Keras takes to answer all of them.
SAMPLES = 32
IS_KNOWN = "it gives the answers that Keras is known to give"
TOO_FEW = "there are too few images to compare it with Keras"


@dataclass(eq=False)
class Trial:
    """Compares OpenVINO with Keras on one network.

    Costly results are computed when they are first needed, and once. `samples`,
    `batch`, `known_reference` and `calibration` are those of `choose_engine`.
    """

    network: Network
    samples: Callable[[], np.ndarray]
    reporter: Reporter
    batch: int | None = None
    known_reference: Callable[[], np.ndarray] | None = None
    calibration: Callable[[], Calibration] | None = None
    occasion: str = ""  # why the network is converted now, as reported

    def __post_init__(self) -> None:
        # Compiling a network takes a while.
        self._openvino = cache(OpenVinoEngine)
        self._exact = cache(self._find_exact)

    @cached_property
    def keras_engine(self) -> KerasEngine:
        """The Keras engine with the network."""
        # Keras takes seconds to import. It is not needed if OpenVINO has passed before.
        with starting_keras(self.reporter):
            from cnnxfer.engines.keras_engine import KerasEngine

        return KerasEngine(self.network.build(), self.batch)

    @cached_property
    def images(self) -> np.ndarray:
        """The real images, uint8 `(images, size, size, 3)`."""
        return self.samples()

    @cached_property
    def compared_images(self) -> np.ndarray:
        """The real images, with variants of them to make at least `SAMPLES`."""
        return variants(self.images, max(SAMPLES, len(self.images)))

    @cached_property
    def reference(self) -> np.ndarray:
        """The answers of Keras to `compared_images`, float32 `(images, ...)`."""
        if self.known_reference is not None and len(self.images) >= SAMPLES:
            return self.known_reference()
        return answer_all(
            ElasticEngine(self.keras_engine, self.reporter), self.compared_images
        )

    def find_fastest(
        self, precisions: Sequence[str], *, few: bool = False
    ) -> OpenVinoEngine | None:
        """Returns OpenVINO in the first precision that passes; None if none does.

        Without a cached verdict, the comparison needs `SAMPLES` real images. With
        `few`, one of any kind is enough for float32, which shows on it what is wrong.
        """
        try:
            return self._engine(precisions, SAMPLES, 1 if few else SAMPLES)
        except Refused:
            return None

    def require(self, precisions: Sequence[str]) -> OpenVinoEngine:
        """Returns OpenVINO in the first precision that passes.

        With fewer than `SAMPLES` real images, variants of them are compared too.

        Raises:
            RunError: if no precision passes.
        """
        try:
            return self._engine(precisions, 1, 1)
        except Refused as refused:
            raise RunError(
                f"OpenVINO cannot answer as asked: {refused}. "
                f"Leave {option('--engine')} and {option('--precision')} at auto to "
                "go on."
            ) from refused

    def prepare(self, precisions: Sequence[str]) -> None:
        """Fills the cache with verdicts, even if there are only a few images."""
        with suppress(Refused):
            self._find_passing(precisions, 1, 1)

    def _engine(
        self, precisions: Sequence[str], min_images: int, min_exact: int
    ) -> OpenVinoEngine:
        directory, precision, batch_size = self._find_passing(
            precisions, min_images, min_exact
        )
        return self._openvino(directory, precision, self.batch or batch_size)

    def _find_passing(
        self, precisions: Sequence[str], min_images: int, min_exact: int
    ) -> tuple[Path, str, int | None]:
        """Returns the network's directory, the first passing precision, its batch.

        A comparison needs `min_images` images; in float32, it needs `min_exact`.
        """
        directory = self._find_converted() or self._convert(min_exact)
        refusals = []
        for precision in precisions:
            least = min_exact if precision == "float32" else min_images
            place = self._calibrated(directory) if precision == "int8" else directory
            record = self._record(directory, place, precision, least)
            if record.verdict.passed:
                return place, precision, record.batch_size
            refusals.append(f"in {precision}, {record.verdict.figures}")
        raise Refused("; ".join(refusals))

    def _find_converted(self) -> Path | None:
        try:
            return find_converted(self.network.key, self.reporter)
        except ConfigError as error:  # there is no cache directory
            raise self._refused(str(error).removesuffix(".")) from error

    def _convert(self, min_images: int) -> Path:
        if len(self.images) < min_images and self._known is None:
            raise Refused(TOO_FEW)
        unsupported = read_refusal(self.network.key, self.reporter)
        if unsupported is None:
            try:
                with self.reporter.wait(
                    f"converting {self.network.title} for OpenVINO{self.occasion}"
                ):
                    return convert(
                        self.network, self._model, self._meanwhile, self.reporter
                    )
            except _KerasFailed as failed:
                raise failed.error from None
            except Exception as error:  # OpenVINO raises many kinds
                reason = _short_reason(error)
                if isinstance(error, ConfigError):  # the cache is another user's
                    raise self._refused(reason.removesuffix(".")) from error
                if not is_refusal(error):
                    raise self._refused(
                        f"converting the network failed ({reason}), as it does where "
                        "the disk or memory is full"
                    ) from error
                save_refusal(self.network.key, reason)
                unsupported = reason
        raise self._refused(f"it does not support this network ({unsupported})")

    def _calibrated(self, directory: Path) -> Path:
        """Returns the directory of the network in int8, calibrated if need be."""
        assert self.calibration
        calibration = self.calibration()
        if calibration.count < LEAST_PICTURES:
            raise Refused(
                f"int8 is calibrated on {LEAST_PICTURES} pictures or more, and here "
                f"{'is' if calibration.count == 1 else 'are'} "
                f"{counted(calibration.count, calibration.title)}"
            )
        try:
            return calibrated(self.network, directory, calibration, self.reporter)
        except CnnxferError:
            raise
        except Exception as error:  # of many kinds, of NNCF and of OpenVINO
            reason = _short_reason(error)
            raise Refused(f"it cannot be calibrated for int8 ({reason})") from error

    def _model(self) -> keras.Model:
        """Returns Keras's model.

        Raises:
            _KerasFailed: if it cannot be loaded.
        """
        try:
            return self.keras_engine.model
        except Exception as error:
            raise _KerasFailed(error) from error

    def _meanwhile(self) -> None:
        """Has Keras answer, if it has to, while the network is converted.

        Raises:
            _KerasFailed: if it cannot.
        """
        if self._known is not None:
            return
        try:
            assert self.reference is not None
        except Exception as error:
            raise _KerasFailed(error) from error

    @cached_property
    def _known(self) -> np.ndarray | None:
        return self.network.known_answers

    def _find_exact(self, directory: Path) -> OpenVinoEngine | None:
        """Returns OpenVINO in float32, if it gives the known answers of Keras."""
        if self._known is None:
            return None
        try:
            engine = self._openvino(directory, "float32", self.batch)
            images = formula_images(engine.image_size)
            answers = np.concatenate(list(engine.run([images[:1], images[1:]])))
        except Exception:  # of many kinds; Keras will be asked
            return None
        return engine if are_known(answers, self._known) else None

    def _refused(self, reason: str) -> Refused:
        """Reports that OpenVINO may not answer, and returns the error to raise."""
        self.reporter.info(f"OpenVINO is not used: {reason}")
        return Refused(reason)

    def _record(
        self, directory: Path, place: Path, precision: str, min_images: int
    ) -> TrialRecord:
        """Returns the record of a precision.

        The network in float32 is in `directory`; in this precision it is in `place`.
        """
        stored = read_record(place, precision)
        if stored and stored.verdict.passed:
            # The engine compiles while the first images are decoded; most likely it
            # will be used.
            self._openvino(place, precision, self.batch or stored.batch_size)
        # A verdict on few images is valid until there are more of them.
        if stored and (stored.pictures >= SAMPLES or len(self.images) < SAMPLES):
            return stored
        # Known answers are compared only where that decides: it takes a while.
        is_known = precision == "float32" and self._exact(directory) is not None
        if len(self.images) < min_images and not is_known:
            return TrialRecord(Verdict(False, TOO_FEW), pictures=0)
        exact = self._exact(directory)
        with self.reporter.wait("comparing OpenVINO with Keras"):
            # Before `try`: the errors of Keras are not those of OpenVINO.
            reference = None if exact else self.reference
            try:
                if exact and is_known:
                    return self._passed(place, exact, Verdict(True, IS_KNOWN))
                if exact:
                    elastic = ElasticEngine(exact, self.reporter)
                    reference = answer_all(elastic, self.compared_images)
                assert reference is not None
                record = self._compare(place, precision, reference)
            except Exception as error:  # OpenVINO raises many kinds
                verdict = Verdict(False, f"it fails ({_short_reason(error)})")
                record = TrialRecord(verdict, pictures=0)
        if not record.verdict.passed:
            self.reporter.info(
                f"OpenVINO in {precision} is not used because it does not answer as "
                f"Keras does: {record.verdict.figures}"
            )
        return record

    def _compare(
        self, directory: Path, precision: str, reference: np.ndarray
    ) -> TrialRecord:
        engine = OpenVinoEngine(directory, precision)
        elastic = ElasticEngine(engine, self.reporter)
        on_variants = precision == "bfloat16" and len(self.images) < SAMPLES
        verdict = compare(
            answer_all(elastic, self.compared_images),
            reference,
            outputs=self.network.outputs,
            precision="bfloat16 on variants" if on_variants else precision,
        )
        if verdict.passed:
            return self._passed(directory, engine, verdict)
        record = TrialRecord(verdict, len(self.images))
        save_record(directory, precision, record)
        return record

    def _passed(
        self, directory: Path, engine: OpenVinoEngine, verdict: Verdict
    ) -> TrialRecord:
        """Returns the record of an engine that has passed, with its best batch."""
        batch_size, lasting = None, True
        if len(self.images) >= SAMPLES:
            batch_size, lasting = fastest_batch_size(engine, self.images)
        record = TrialRecord(verdict, len(self.images), batch_size)
        if lasting:
            save_record(directory, engine.precision, record)
        return record


class Refused(Exception):
    """Raised when OpenVINO may not answer; the message is the reason."""


class _KerasFailed(Exception):
    """Raised where Keras fails while a network is converted, with its error."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def answer_all(engine: Engine, images: np.ndarray) -> np.ndarray:
    """Returns an engine's answers, float32 `(images, ...)`, to images in memory."""
    size = engine.batch_size
    batches = (images[at : at + size] for at in range(0, len(images), size))
    return np.concatenate(list(engine.run(batches)))


def _short_reason(error: Exception) -> str:
    """Returns the most informative line of an error's message."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # OpenVINO marks the lines that name unsupported operations with "-- ".
    reasons = [line for line in lines if line.startswith("-- ")]
    return reasons[0].removeprefix("-- ") if reasons else lines[-1]
