from unittest.mock import Mock

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.config.prediction import PredictOptions
from cnnxfer.errors import DataError
from cnnxfer.prediction import request
from cnnxfer.prediction.request import open_request


def test_a_search_for_images_says_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = RecordingReporter()
    search = Mock(side_effect=DataError("found at last"))
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
    assert reporter.waits == ["looking for images in vast.zip"]
