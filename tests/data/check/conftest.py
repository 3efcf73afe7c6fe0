"""Fixtures: data with planted problems, and the reports of checks of it."""

from pathlib import Path

import pytest
from planted_problems import GROUP_BY, PHOTOS, Planted, Planter, plant

from cnnxfer.data.check.report import Finding, Report
from cnnxfer.data.check.run_checks import check_data
from cnnxfer.reporting import Reporter


class Planting:
    """Folders with problems, what is wrong with them, and what was found."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.planted: list[Planted] = plant(root)
        self.reports: dict[str, Report] = {
            spec: check_data(
                str(root / spec),
                Reporter(),
                group_by=GROUP_BY if spec == PHOTOS else "none",
            )[0]
            for spec in sorted({item.spec for item in self.planted})
        }

    def find(self, kind: str, spec: str = PHOTOS) -> Finding:
        """Returns the one finding of a kind."""
        findings = self.reports[spec].findings
        (found,) = (finding for finding in findings if finding.kind == kind)
        return found


@pytest.fixture(scope="session")
def planting(tmp_path_factory: pytest.TempPathFactory) -> Planting:
    return Planting(tmp_path_factory.mktemp("planted"))


@pytest.fixture
def planter(tmp_path: Path) -> Planter:
    """Writes images, all of them different, into `tmp_path`."""
    return Planter(tmp_path)
