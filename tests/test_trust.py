"""Who can have written a file, told by owners and modes that no test needs root for."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnxfer.trust import distrust, take_from_others

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs owners")

Owned = Callable[[Path, int], None]


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> Owned:
    """Has the system say that a path is another user's."""
    owners: dict[str, int] = {}
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        found = list(real(path))
        found[stat.ST_UID] = owners.get(str(path), found[stat.ST_UID])
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", lstat)
    return lambda path, owner: owners.update({str(path): owner})


def test_what_this_user_or_root_alone_writes_is_trusted(
    tmp_path: Path, owned: Owned
) -> None:
    path = tmp_path / "entry"
    assert distrust(path) == ""  # nothing is there
    path.mkdir(mode=0o755)
    assert distrust(path) == ""
    owned(path, 0)
    assert distrust(path) == ""


def test_what_is_another_users_is_not_trusted(tmp_path: Path, owned: Owned) -> None:
    path = tmp_path / "entry"
    path.mkdir()
    owned(path, 987_654)
    assert distrust(path) == "belongs to user 987654"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777, 0o2770])
def test_what_others_can_write_is_not_trusted(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "entry"
    path.mkdir()
    path.chmod(mode)
    assert distrust(path) == f"can be written by others (mode {mode:o})"
    take_from_others(path)
    assert distrust(path) == ""
    assert stat.S_IMODE(path.stat().st_mode) == mode & ~0o022


def test_a_disk_without_permissions_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    tmp_path.chmod(0o777)
    monkeypatch.setattr(Path, "chmod", refuse)
    take_from_others(tmp_path)
    assert distrust(tmp_path) == "can be written by others (mode 777)"


def test_a_link_of_another_user_is_not_trusted(tmp_path: Path, owned: Owned) -> None:
    (tmp_path / "target").mkdir(mode=0o755)
    link = tmp_path / "link"
    link.symlink_to("target")
    assert distrust(link) == ""
    owned(link, 987_654)
    assert distrust(link) == "belongs to user 987654"


def test_without_owners_everything_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    assert distrust(tmp_path)
    monkeypatch.delattr(os, "geteuid")  # as on Windows
    assert distrust(tmp_path) == ""
    take_from_others(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o777
