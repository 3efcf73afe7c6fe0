"""Writes the list of `check --write`, which `train --exclude` reads."""

from pathlib import Path

from cnnxfer.data.check.report import Report
from cnnxfer.data.preparing.exclude import format_line
from cnnxfer.files import write_text
from cnnxfer.reporting import printable

LIST_MARK = "# Written by cnnxfer check."
HEADER = """{mark} One image a line, by its id in {data}.
# What training is better without: broken images, pictures under several labels, copies
# in train of what tests or validates, spare copies, and images in train whose labels
# may be wrong, if these were asked for. Delete the lines of what you want to keep, then
# give this file to `train` as what to exclude.
"""


def write_list(report: Report, path: Path) -> None:
    """Writes the ids of the images that should be excluded, one a line.

    Each kind of finding has a heading. An image of several findings is listed once.
    """
    lines = [HEADER.format(mark=LIST_MARK, data=printable(report.data))]
    seen: set[str] = set()
    for finding in report.findings:
        new = [name for name in dict.fromkeys(finding.quarantine) if name not in seen]
        seen.update(new)
        if new:
            lines.append(f"\n# {finding.title}\n")
            lines += [f"{format_line(name)}\n" for name in new]
    write_text(path, "".join(lines))
