"""How long a command still takes, learned from its earlier stages."""

from cnnxfer.time_left import Forecast, TimeLeft


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_steps_do_not_count() -> None:
    clock = Clock()
    forecast = Forecast(clock)
    work = forecast.begin(100, "images")
    clock.now = 50.0  # until the first batch
    assert forecast.advance(work, 10) is None
    clock.now = 51.0
    assert forecast.advance(work, 10) == TimeLeft(8.0)


def test_later_stages_take_as_long_as_earlier_ones() -> None:
    clock = Clock()
    forecast = Forecast(clock)
    with forecast.expecting(30, "images"), forecast.expecting(2, "networks"):
        network = forecast.begin(1, "networks")
        clock.now = 5.0
        forecast.advance(network, 1)
        training = forecast.begin(4, "batches")
        forecast.advance(training, 1)
        clock.now = 6.0
        # Of images, nothing is known yet.
        assert forecast.advance(training, 1) == TimeLeft(2.0 + 2 * 5.0, whole=False)
        features = forecast.begin(21, "images")
        forecast.advance(features, 1)
        clock.now = 8.0
        forecast.advance(features, 20)
        assert forecast.advance(training, 0) == TimeLeft(6.0 + 3.0 + 10.0)
    # What is behind is no longer expected.
    assert forecast.advance(training, 0) == TimeLeft(6.0)


def test_the_speed_of_the_stage_before_holds_until_the_stage_has_one() -> None:
    clock = Clock()
    forecast = Forecast(clock)
    train = forecast.begin(11, "images")
    forecast.advance(train, 1)
    clock.now = 1.0
    forecast.advance(train, 10)
    validation = forecast.begin(41, "images")
    assert forecast.advance(validation, 1) == TimeLeft(4.0)


def test_times_are_written_like_clocks() -> None:
    assert TimeLeft(7.4).text == "0:07"
    assert TimeLeft(59.7).text == "1:00"
    assert TimeLeft(3723, whole=False).text == "1:02:03+"
