"""An exported model answers as the run does, in its own runtime and without cnnxfer."""

import io
import json
import re
from contextlib import chdir, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import cnnxfer
from cnnxfer.data.spread import spread
from cnnxfer.engines.exported.manifest import MANIFEST
from cnnxfer.engines.keras_engine import plain_engine
from cnnxfer.errors import ConfigError, DataError, RunError
from cnnxfer.exporters.formats import FORMATS
from cnnxfer.prediction.model_source import ModelSource, exported_model, run_model
from cnnxfer.reporting import SilentReporter
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
    pixels = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), np.uint8)
    rows = network_answers(run_model(colour_run), pixels, 8)
    for export in cnnxfer.export(colour_run, format="all", reporter=None):
        model = exported_model(export.folder)
        for batch in (1, 3, 8):  # in any order, as a file may keep the first one
            found = network_answers(model, pixels, batch)
            np.testing.assert_allclose(found, rows, atol=1e-4)
        assert export.parity.passed
        assert export.parity.before == export.parity.after == 1.0
        assert answers_of(picture, export.folder) == pytest.approx(expected, abs=1e-5)
        assert run_readme(export.folder, picture) == pytest.approx(expected, abs=2e-3)
    assert {path.name for path in (colour_run.path / "exports").iterdir()} == set(
        FORMATS.names()
    )


def network_answers(model: ModelSource, pixels: np.ndarray, batch: int) -> np.ndarray:
    """Returns the outputs of a network that gets so many pictures at once."""
    engine = plain_engine(model.network(SilentReporter()))
    parts = [pixels[at : at + batch] for at in range(0, len(pixels), batch)]
    return np.concatenate(list(engine.run(parts)))


def test_the_ends_have_names_and_the_batch_is_free(colour_run: Run) -> None:
    import onnx
    import openvino
    from ai_edge_litert.interpreter import Interpreter

    forms = ["onnx", "openvino", "litert"]
    place = {
        export.format: export.folder
        for export in cnnxfer.export(colour_run, format=forms, reporter=None)
    }
    graph = onnx.load(place["onnx"] / "model.onnx").graph
    ends = [*graph.input, *graph.output]
    assert [end.name for end in ends] == ["pixels", "outputs"]
    assert {end.type.tensor_type.shape.dim[0].dim_param for end in ends} == {"batch"}
    network = openvino.Core().read_model(place["openvino"] / "model.xml")
    both = [network.input(), network.output()]
    assert [end.get_any_name() for end in both] == ["pixels", "outputs"]
    assert all(end.partial_shape[0].is_dynamic for end in both)
    lite = Interpreter(str(place["litert"] / "model.tflite"))
    (pixels,), (outputs,) = lite.get_input_details(), lite.get_output_details()
    assert pixels["shape_signature"][0] == outputs["shape_signature"][0] == -1
    (signature,) = lite.get_signature_list().values()
    assert signature == {"inputs": ["pixels"], "outputs": ["outputs"]}


def test_evaluate_measures_an_export_and_keeps_its_answers(
    colour_run: Run, photos_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (export,) = cnnxfer.export(colour_run, format="onnx", reporter=None)
    first = cnnxfer.evaluate(model=export.folder, data=photos_dir, reporter=None)
    assert (first.run, first.images) == (colour_run.name, 36)
    assert first.headline == "100.0% [90.4, 100.0]"
    with monkeypatch.context() as patch:  # the second loads no network
        patch.setattr("cnnxfer.prediction.classifier.Classifier", None)
        file = export.folder / "model.onnx"
        again = cnnxfer.evaluate(model=file, data=photos_dir, reporter=None)
    assert again == first
    for options, message in (
        ({"data": None}, "has no images of its own to be measured on"),
        ({"run": colour_run}, "and another model .* are named. Name one"),
        ({"engine": "openvino"}, "an exported network runs in its own runtime"),
    ):
        with pytest.raises(ConfigError, match=message):
            cnnxfer.evaluate(
                **{"model": export.folder, "data": photos_dir, **options},  # type: ignore[arg-type]
                reporter=None,
            )
    with pytest.raises(ConfigError, match=r"is an export. Measure it with.*model="):
        cnnxfer.evaluate(export.folder, reporter=None)
    (photos_dir / "red").rename(photos_dir / "pink")
    with pytest.raises(DataError, match=r"classes that .*onnx doesn't know: pink"):
        cnnxfer.evaluate(model=export.folder, data=photos_dir, reporter=None)


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
    with pytest.raises(RunError, match=r"not answer as Keras does on.* kinds Dense, "):
        cnnxfer.export(colour_run, format="onnx", reporter=None)
    assert list((colour_run.path / "exports").iterdir()) == []


def test_what_a_format_lacks_is_named(
    colour_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cnnxfer.exporters.onnx import operations

    def refused(message: str) -> None:
        with pytest.raises(RunError, match=message):
            cnnxfer.export(colour_run, format="onnx", reporter=None)
        assert list((colour_run.path / "exports").iterdir()) == []

    with monkeypatch.context() as patch:
        patch.delitem(operations.TRANSLATIONS, "MatMul")
        refused("cannot be written as onnx: its operation MatMul has no translation")
    monkeypatch.delitem(operations.TRANSLATIONS, "MatMul")
    monkeypatch.setitem(operations.SAME, "MatMul", "Nosuch")
    refused("its runtime does not run it: .*Nosuch.*Nothing was kept")


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
