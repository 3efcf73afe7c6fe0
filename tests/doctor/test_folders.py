from __future__ import annotations

from pathlib import Path

import pytest

from cnnxfer.doctor import folders
from cnnxfer.doctor.folders import Folder, find_folders


def folder(found: tuple[Folder, ...], purpose: str) -> Folder:
    return next(folder for folder in found if folder.purpose == purpose)


def test_folders_tell_size_and_state(tmp_path: Path) -> None:
    models = tmp_path / "keras" / "models"
    models.mkdir(parents=True)
    (models / "a.h5").write_bytes(bytes(1000))
    (tmp_path / "keras" / "keras.json").write_bytes(bytes(24))
    (models / "loop").symlink_to(tmp_path, target_is_directory=True)
    link_bytes = (models / "loop").lstat().st_size
    found = find_folders(tmp_path / "cache", tmp_path / "runs")
    keras = folder(found, "Keras cache")
    assert (keras.path, keras.exists, keras.writable) == (
        tmp_path / "keras",
        True,
        True,
    )
    assert (keras.size_bytes, keras.size_complete) == (1024 + link_bytes, True)
    runs = folder(found, "runs")
    assert (runs.path, runs.exists, runs.writable) == (tmp_path / "runs", False, True)
    assert runs.size_bytes == 0
    assert runs.free_bytes is not None
    assert folder(found, "cnnxfer cache").path == tmp_path / "cache"
    assert folder(found, "TFDS data sets").path == tmp_path / "tfds"
    assert folder(found, "working directory").path == Path.cwd()


def test_counting_a_large_folder_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "file").write_bytes(b"1")
    monkeypatch.setattr(folders, "WALK_SECONDS", -1.0)
    assert not folder(find_folders(None, tmp_path), "Keras cache").size_complete


def test_folder_below_a_file_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    runs = folder(find_folders(None, tmp_path / "file" / "runs"), "runs")
    assert not runs.exists
    assert not runs.writable
