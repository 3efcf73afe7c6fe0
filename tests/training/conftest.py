"""What tests of training leave out, which tests of the evaluation look at."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_measured_at_the_end() -> Iterator[None]:
    """Has fine-tuning end without measuring the model beside its parent.

    That loads both and finds an engine for each, which takes as long as the epoch.
    """
    with pytest.MonkeyPatch.context() as patch:
        measured = "cnnxfer.evaluation.before_after.compare_with_parent"
        patch.setattr(measured, lambda *_: None)
        yield
