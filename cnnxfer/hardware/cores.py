"""How many cores this process, and those that it starts, may keep busy."""

from __future__ import annotations

import os

VARIABLE = "CNNXFER_CORES"  # where others share the machine, and the system tells not


def usable_cores() -> int:
    """Returns the cores that the system allows, or that `CNNXFER_CORES` says if fewer.

    What is not a number counts as not said.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    said = os.environ.get(VARIABLE, "")
    return max(1, min(cores, int(said))) if said.isdecimal() else cores
