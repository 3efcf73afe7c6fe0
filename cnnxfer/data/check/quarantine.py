"""`--write`: the images that training is better without, for `train --exclude`."""

from __future__ import annotations

from pathlib import Path

from cnnxfer.data.check.report import Report
from cnnxfer.data.preparing.exclude import written_line
from cnnxfer.files import write_text
from cnnxfer.reporting import printable

LIST_MARK = "# Written by cnnxfer check."
HEADER = """{mark} One image a line, by its id in {data}.
# What training is better without: broken images, pictures under several labels, copies
# in train of what tests or validates, and spare copies. Delete the lines of what you
# want to keep, then: cnnxfer train --data ... --exclude THIS_FILE
"""


def write_list(report: Report, path: Path) -> None:
    """Writes the ids of all findings' quarantine, under a heading for each kind.

    An image that several findings name is listed once.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    lines = [HEADER.format(mark=LIST_MARK, data=printable(report.data))]
    seen: set[str] = set()
    for finding in report.findings:
        new = [name for name in dict.fromkeys(finding.quarantine) if name not in seen]
        seen.update(new)
        if new:
            lines.append(f"\n# {finding.title}\n")
            lines += [f"{written_line(name)}\n" for name in new]
    write_text(path, "".join(lines))
