import time
from collections.abc import Iterator

import pytest
from recording_reporter import RecordingReporter

from cnnxfer import reporting
from cnnxfer.config.prediction import PredictOptions
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import DataError
from cnnxfer.prediction import request
from cnnxfer.prediction.request import open_request
from cnnxfer.reporting import told_if_slow

PATIENCE_SECONDS = 10


def test_a_search_for_images_that_takes_long_says_what_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reporter = RecordingReporter()

    def search(*_: object) -> Iterator[ImageSource]:
        end = time.monotonic() + PATIENCE_SECONDS
        while not reporter.infos and time.monotonic() < end:
            time.sleep(0.001)
        raise DataError("found at last")

    monkeypatch.setattr(reporting, "SLOW_SECONDS", 0.01)
    monkeypatch.setattr(request, "find_images", search)
    with pytest.raises(DataError, match="found at last"):
        open_request(
            ["vast.zip"],
            PredictOptions(),
            model="efficientnet-lite0",
            runs_dir=None,
            heat=False,
            reporter=reporter,
        )
    assert reporter.infos == ["looking for images in vast.zip"]


def test_quick_work_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = RecordingReporter()
    monkeypatch.setattr(reporting, "SLOW_SECONDS", 0.05)
    with told_if_slow(reporter, "working"):
        pass
    time.sleep(0.1)
    assert reporter.infos == []
