"""An exported model answers as the run does, in its own runtime and without cnnxfer."""

import io
import json
import re
from contextlib import chdir, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import cnnxfer
from cnnxfer.engines.exported.manifest import MANIFEST
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.exporters.formats import FORMATS
from cnnxfer.prediction.pictures import spread
from cnnxfer.runs import Run

pytest.importorskip("onnxruntime")


def answers_of(picture: Path, model: Run | Path) -> dict[str, float]:
    """Returns the probability of each class, by its name."""
    (prediction,) = cnnxfer.predict(picture, model=model, top=3, reporter=None)
    ranking = prediction.as_json()["predictions"]
    return {each["label"]: each["probability"] for each in ranking}


def test_every_format_answers_as_the_run_does(
    colour_run: Run, photos_dir: Path
) -> None:
    colour_run.write_fitted({}, 0.5)
    picture = photos_dir / "blue" / "00.jpg"
    expected = answers_of(picture, colour_run)
    for export in cnnxfer.export(colour_run, format="all", reporter=None):
        assert export.parity.passed
        assert export.parity.before == export.parity.after == 1.0
        assert answers_of(picture, export.folder) == pytest.approx(expected, abs=1e-5)
        assert run_readme(export.folder, picture) == pytest.approx(expected, abs=2e-3)
    assert {path.name for path in (colour_run.path / "exports").iterdir()} == set(
        FORMATS.names()
    )


def run_readme(folder: Path, picture: Path) -> dict[str, float]:
    """Runs the code of the README, and reads what it prints."""
    (code,) = re.findall(
        r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S
    )
    printed = io.StringIO()
    with chdir(folder), redirect_stdout(printed):
        exec(code.replace('"picture.jpg"', repr(str(picture))), {})
    lines = [line.split(" ", 1) for line in printed.getvalue().splitlines()]
    return {name: float(score) for score, name in lines}


def test_what_answers_otherwise_is_not_kept(
    colour_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnxfer.exporters import onnx_format
    from cnnxfer.exporters.onnx.conversion import onnx_model

    def wrong(*arguments: object) -> object:
        import onnx

        model = onnx_model(*arguments)  # type: ignore[arg-type]
        for tensor in model.graph.initializer:
            values = onnx.numpy_helper.to_array(tensor)
            if values.dtype == np.float32:
                tensor.CopyFrom(onnx.numpy_helper.from_array(1.1 * values, tensor.name))
        return model

    monkeypatch.setattr(onnx_format, "onnx_model", wrong)
    with pytest.raises(RunError, match="does not answer as Keras does on"):
        cnnxfer.export(colour_run, format="onnx", reporter=None)
    assert list((colour_run.path / "exports").iterdir()) == []


def test_an_export_is_never_overwritten(colour_run: Run, tmp_path: Path) -> None:
    (tmp_path / "there" / "onnx").mkdir(parents=True)
    with pytest.raises(
        ConfigError, match=r"never overwritten.*--out|never overwritten"
    ):
        cnnxfer.export(colour_run, format="onnx", out=tmp_path / "there", reporter=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "onx"}, "unknown format 'onx'. Did you mean 'onnx'?"),
        ({"precision": "int4"}, "'int4'. Did you mean 'int8'?"),
        ({"format": "keras", "precision": "int8"}, "keras has no int8"),
    ],
)
def test_wrong_words_are_told(
    colour_run: Run, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        cnnxfer.export(colour_run, reporter=None, **options)


def test_a_backbone_needs_pictures(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no pictures of its own"):
        cnnxfer.export("efficientnet-lite0", runs_dir=tmp_path, reporter=None)


def test_files_that_do_not_belong_together_are_refused(
    colour_run: Run, photos_dir: Path
) -> None:
    (export,) = cnnxfer.export(colour_run, format="onnx", reporter=None)
    path, model = export.folder / MANIFEST, export.folder / "model.onnx"
    picture = photos_dir / "blue" / "00.jpg"

    def refused(message: str, model: Path = export.folder) -> None:
        with pytest.raises(DataError, match=message):
            list(cnnxfer.predict(picture, model=model, reporter=None))

    with pytest.raises(ConfigError, match="is an export"):
        cnnxfer.export(export.folder, format="openvino", reporter=None)
    with pytest.raises(ConfigError, match="has no layers to look into"):
        cnnxfer.explain(path, model=export.folder, reporter=None)
    manifest = json.loads(path.read_text())
    for name in ("../model.onnx", "/etc/passwd"):
        path.write_text(json.dumps({**manifest, "file": name}))
        refused("outside of its folder")
    path.write_text(json.dumps({**manifest, "classes": [["a"]]}))
    refused("not pairs of an id and a name")
    path.write_text(json.dumps({**manifest, "classes": [["a", "a"]]}))
    refused("its classes need")
    path.write_text(json.dumps({**manifest, "image_size": 40}))
    refused("cannot be run")
    path.write_text(json.dumps(manifest))
    model.write_bytes(model.read_bytes()[:-1])
    refused("is not the file that was exported")
    path.unlink()
    refused(f"has no {MANIFEST} beside it", model)


def test_pictures_are_taken_from_all_over_a_list() -> None:
    assert spread(list(range(100)), 3) == [0, 50, 99]  # type: ignore[comparison-overlap,arg-type]
    assert spread(list(range(2)), 3) == [0, 1]  # type: ignore[comparison-overlap,arg-type]
