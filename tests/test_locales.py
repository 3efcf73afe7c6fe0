"""Names where the locale's encoding has not all of their characters.

A process of its own is told to have ASCII for names of files and for what it prints.
"""

import os
import subprocess
import sys
from pathlib import Path

ROSE = "\u0440\u043e\u0437\u0430"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

CODE = r"""
import json
import os
import sys
from pathlib import Path

from cnnxfer.cli import main
from cnnxfer.data.sources import list_dataset
from cnnxfer.errors import ConfigError
from cnnxfer.files import json_text
from cnnxfer.prediction.inputs import find_images
from cnnxfer.prediction.outputs.copy_to import check_names
from cnnxfer.prediction.outputs.folder import safe_name
from cnnxfer.reporting import Reporter
from cnnxfer.runs import create_run

assert sys.getfilesystemencoding() == "ascii"
rose = "\u0440\u043e\u0437\u0430"
dataset = list_dataset("t.csv", Reporter())
assert dataset.class_names == (rose,)
assert dataset.examples[0].id == f"{rose}/1.jpg"
assert dataset.examples[0].read() == b"a rose"
(source,) = find_images(["@list.txt"])
assert source.read() == b"a rose"
assert create_run(Path("runs"), rose).name == "run-1"
assert safe_name(f"1-{rose}") == "1-____"
try:
    check_names(["iris", rose])
except ConfigError as error:
    print(ascii(str(error)))
text = json_text({"label": rose}, encoding="ascii")
assert text.isascii()
assert json.loads(text) == {"label": rose}

main.app = lambda *arguments, **options: os.mkdir(rose)
assert main.run(["x"]) == 1
"""


def test_names_that_the_locale_lacks(tmp_path: Path) -> None:
    (tmp_path / ROSE).mkdir()
    (tmp_path / ROSE / "1.jpg").write_text("a rose")
    (tmp_path / "t.csv").write_text(f"path,label\n{ROSE}/1,{ROSE}\n", "utf-8")
    (tmp_path / "list.txt").write_text(f"{ROSE}/1.jpg\n", "utf-16")
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env=os.environ | ASCII,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "none can be called" in done.stdout
    assert "names of files are in ascii. Set LC_ALL=C.UTF-8." in done.stdout
    assert "error: no file can be called" in done.stderr
