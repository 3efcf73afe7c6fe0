import gc
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnnxfer.keras_backend import imported_fast

FAKE_KERAS = """
import os, warnings
os.write(2, b"chatter")
warnings.warn("deprecated")
{more}
class backend:
    @staticmethod
    def backend():
        return "jax"
"""
FAKE_TENSORFLOW = """
import logging

def get_logger():
    logger = logging.getLogger("tensorflow")
    logger.setLevel(logging.INFO)  # as the real one does in a notebook
    return logger

class config:
    @staticmethod
    def list_physical_devices(kind):
        return []

    @staticmethod
    def set_visible_devices(devices, kind):
        pass
"""
IMPORT = """
import os
from cnnxfer.keras_backend import import_keras_quietly
try:
    import_keras_quietly()
except BaseException as error:
    print(repr(error))
os.write(2, b"|after")
"""


def stderr_of_import(
    tmp_path: Path, more: str = "", level: str | None = None, before: str = ""
) -> tuple[str, str]:
    """Imports fakes, of which keras prints; returns their stdout and stderr."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").write_text(FAKE_KERAS.format(more=more))
    (tmp_path / "tensorflow.py").write_text(FAKE_TENSORFLOW)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    if level is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = level
    done = subprocess.run(
        [sys.executable, "-c", before + IMPORT],
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.stdout, done.stderr


def test_import_messages_are_hidden_and_stderr_is_restored(tmp_path: Path) -> None:
    assert stderr_of_import(tmp_path) == ("", "|after")


def test_a_program_without_stderr_can_import(tmp_path: Path) -> None:
    """As daemons and programs without a window: Python has no `sys.stderr` then."""
    closed = "import os, sys\nos.close(2)\nsys.stderr = None\n"
    assert stderr_of_import(tmp_path, before=closed) == ("", "")


@pytest.mark.skipif(sys.platform != "linux", reason="others do not limit it")
def test_a_notebook_hears_no_more_of_tensorflow(tmp_path: Path) -> None:
    level = "print(logging.getLogger('tensorflow').level)"
    before = f"import atexit, logging\natexit.register(lambda: {level})\n"
    assert stderr_of_import(tmp_path, before=before)[0] == f"{logging.ERROR}\n"


def test_too_little_address_space_is_told(tmp_path: Path) -> None:
    """The libraries crash, or never end, where they can allocate too little."""
    limit = "import resource as r\nr.setrlimit(r.RLIMIT_AS, (2 * 10**9, 2 * 10**9))\n"
    shown, more = stderr_of_import(tmp_path, before=limit)
    assert "ConfigError('this process may use 2.0 GB of address space, and" in shown
    assert "TensorFlow needs 4 GB. Raise the limit: ulimit -v unlimited" in shown
    assert more == "|after"


def test_messages_are_shown_when_the_import_fails(tmp_path: Path) -> None:
    shown = stderr_of_import(tmp_path, "raise ImportError('no CUDA')")
    assert shown == ("ImportError('no CUDA')\n", "chatter|after")


def test_a_command_imports_keras_without_what_it_does_not_use(tmp_path: Path) -> None:
    """A program that uses cnnxfer gets all of Keras."""
    command = "from cnnxfer import spelling\nspelling._is_command_line = True\n"
    more = "import sys; print(sys.modules.get('sklearn', 'wanted'))"
    assert stderr_of_import(tmp_path, more, before=command)[0] == "None\n"
    (tmp_path / "keras" / "__init__.py").unlink()
    (tmp_path / "keras").rmdir()
    assert stderr_of_import(tmp_path, more)[0] == "wanted\n"


def test_what_was_left_out_can_be_imported_afterwards() -> None:
    with imported_fast("this", "json"):
        assert sys.modules["json"] is json
        assert not gc.isenabled()
        with pytest.raises(ImportError):
            import this  # noqa: F401
    assert gc.isenabled()
    assert "this" not in sys.modules


def test_an_interrupted_import_shows_no_messages(tmp_path: Path) -> None:
    shown = stderr_of_import(tmp_path, "raise KeyboardInterrupt")
    assert shown == ("KeyboardInterrupt()\n", "|after")


@pytest.mark.parametrize(("level", "shown"), [("0", True), ("2", False)])
def test_log_level_0_shows_all_messages(
    tmp_path: Path, level: str, shown: bool
) -> None:
    _, stderr = stderr_of_import(tmp_path, level=level)
    assert ("chatter" in stderr) == shown
    assert ("deprecated" in stderr) == shown


def test_predict_prints_no_messages_of_tensorflow(
    photos_dir: Path, tmp_path: Path
) -> None:
    """The real TensorFlow is imported, with the built-in backbone."""
    photo = photos_dir / "red" / "00.jpg"
    done = subprocess.run(
        [sys.executable, "-m", "cnnxfer", "predict", photo, "--format", "jsonl"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.startswith(f'{{"path": "{photo}", "width": ')
    assert done.stdout.count("\n") == 1
    expected = (
        r"model: efficientnet-lite0\npredicting\n"
        r"1 image in [\d.]+ s\n(converting .*\n)?(OpenVINO in bfloat16 is not .*\n)?"
    )
    assert re.fullmatch(expected, done.stderr)
