from __future__ import annotations

from pathlib import Path

import pytest

from cnnxfer.hardware.packages import (
    Extra,
    find_extras,
    installed_version,
    missing_requirements,
)


def distribution(site: Path, name: str, version: str, *lines: str) -> None:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    head = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}"]
    (info / "METADATA").write_text("\n".join([*head, *lines]) + "\n")


def test_version_of_what_is_not_installed_is_none() -> None:
    assert installed_version("absent-thing") is None


def test_missing_requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution(
        tmp_path,
        "cnnxfer-like",
        "1.0",
        "Requires-Dist: present-thing>=2",
        "Requires-Dist: old-thing>=2; python_version >= '3'",
        "Requires-Dist: absent-thing",
        "Requires-Dist: not-for-here; python_version < '3'",
        "Provides-Extra: fast",
        "Requires-Dist: present-thing[turbo]>=2; extra == 'fast'",
        "Provides-Extra: done",
        "Requires-Dist: present-thing; extra == 'done'",
    )
    distribution(
        tmp_path,
        "present-thing",
        "2.1rc1",
        "Provides-Extra: turbo",
        "Requires-Dist: turbo-library<13,>=12; extra == 'turbo'",
    )
    distribution(tmp_path, "old-thing", "1.9")
    monkeypatch.syspath_prepend(tmp_path)
    assert missing_requirements("cnnxfer-like") == ("old-thing>=2", "absent-thing")
    assert missing_requirements("cnnxfer-like", "fast") == ("turbo-library<13,>=12",)
    assert missing_requirements("cnnxfer-like", "done") == ()


def test_extras_are_those_for_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(
        tmp_path,
        "cnnxfer",
        "0.1.0",
        "Requires-Dist: absent-thing",
        "Provides-Extra: gpu",
        "Requires-Dist: absent-library>=12; extra == 'gpu'",
        "Provides-Extra: dev",
        "Requires-Dist: absent-linter; extra == 'dev'",
        "Provides-Extra: docs",
        "Requires-Dist: absent-renderer; extra == 'docs'",
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert missing_requirements("cnnxfer") == ("absent-thing",)
    assert find_extras() == (Extra("gpu", ("absent-library>=12",)),)
