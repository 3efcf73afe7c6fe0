from collections.abc import Iterable, Iterator

import pytest
from predicted import predicted

from cnnxfer.prediction.outputs.stages import Flow, Stage, run_through_stages
from cnnxfer.prediction.prediction import Prediction

PREDICTIONS = [predicted(name, error="empty file") for name in "abc"]


def recorder(name: str, events: list[str]) -> Stage:
    def stage(predictions: Iterable[Prediction]) -> Flow:
        try:
            for prediction in predictions:
                events.append(f"{name} {prediction.path}")
                yield prediction
            events.append(f"{name} whole")
        finally:
            events.append(f"{name} ended")

    return stage


def test_predictions_pass_all_stages_one_by_one() -> None:
    events: list[str] = []
    stages = [recorder("1", events), recorder("2", events)]
    with run_through_stages(PREDICTIONS[:2], stages) as predictions:
        assert list(predictions) == PREDICTIONS[:2]
    flow = ["1 a", "2 a", "1 b", "2 b"]
    assert events == [*flow, "1 whole", "1 ended", "2 whole", "2 ended"]


def test_stages_end_when_the_consumer_fails() -> None:
    events: list[str] = []
    stages = [recorder("1", events), recorder("2", events)]

    def write(predictions: Iterable[Prediction]) -> None:
        for _ in predictions:
            raise OSError("full")

    def run() -> None:
        with run_through_stages(PREDICTIONS, stages) as predictions:
            write(predictions)

    # The traceback that is kept here keeps the stages from being collected.
    with pytest.raises(OSError, match="full") as caught:
        run()
    assert caught.tb
    assert events == ["1 a", "2 a", "2 ended", "1 ended"]


def test_without_stages_predictions_are_unchanged() -> None:
    with run_through_stages(iter(PREDICTIONS), []) as predictions:
        assert list(predictions) == PREDICTIONS


def test_stages_end_when_the_source_fails() -> None:
    events: list[str] = []

    def source() -> Iterator[Prediction]:
        yield PREDICTIONS[0]
        raise RuntimeError("broken")

    def run() -> None:
        with run_through_stages(source(), [recorder("1", events)]) as predictions:
            list(predictions)

    with pytest.raises(RuntimeError, match="broken"):
        run()
    assert events == ["1 a", "1 ended"]
