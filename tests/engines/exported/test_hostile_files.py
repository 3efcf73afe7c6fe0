"""Exports that a stranger may have made are refused with the reason."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import cnnxfer
from cnnxfer.engines.exported import manifest
from cnnxfer.engines.exported.manifest import MANIFEST
from cnnxfer.engines.silent_openvino import openvino
from cnnxfer.errors import DataError

onnx = pytest.importorskip("onnx")
FILES = {
    "keras": "model.keras",
    "savedmodel": "saved_model",
    "onnx": "model.onnx",
    "openvino": "model.xml",
    "litert": "model.tflite",
}
SHAPE = (None, 8, 8, 3)


def manifest_of(folder: Path, format: str) -> dict[str, Any]:
    """Returns what a manifest with the hashes of a folder's files says."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    paths = [path for path in paths if path.name != MANIFEST]
    return {
        "version": "1",
        "name": "hostile",
        "backbone": "mobilenet-0.25",
        "format": format,
        "precision": "float32",
        "file": FILES[format],
        "sha256": {
            path.relative_to(folder).as_posix(): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in paths
        },
        "input": "pixels",
        "output": "outputs",
        "image_size": 8,
        "fit": "crop",
        "fraction": 0.875,
        "resampling": "bicubic",
        "classes": [["a", "a"], ["b", "b"]],
        "answers": {
            "task": "classification",
            "activation": "softmax",
            "activated": False,
            "thresholds": {},
            "temperature": None,
        },
        "outputs": "logits",
        "checked": {},
    }


def refused(folder: Path, kind: str, message: str, **changes: Any) -> None:
    """Checks that `predict` refuses a folder for a reason, whose hashes are right."""
    document = manifest_of(folder, kind) | changes
    (folder / MANIFEST).write_text(json.dumps(document))
    picture = folder.parent / "picture.png"
    Image.new("RGB", (9, 9)).save(picture)
    with pytest.raises(DataError, match=message):
        list(cnnxfer.predict(picture, model=folder, reporter=None))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    return tmp_path / "export"


def onnx_network(operation: str = "ReduceMean", domain: str = "") -> Any:
    """Returns a network in ONNX that gives two means of the pixels."""
    make = onnx.helper
    pixels = make.make_tensor_value_info("pixels", 1, ["batch", 8, 8, 3])
    outputs = make.make_tensor_value_info("outputs", 1, ["batch", 2])
    axes = onnx.numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    weights = onnx.numpy_helper.from_array(np.ones((3, 2), np.float32), "weights")
    means = make.make_node(
        operation, ["pixels", "axes"], ["means"], domain=domain, keepdims=0
    )
    logits = make.make_node("MatMul", ["means", "weights"], ["outputs"])
    graph = make.make_graph(
        [means, logits], "network", [pixels], [outputs], [axes, weights]
    )
    sets = [make.make_opsetid(name, 20) for name in dict.fromkeys(("", domain))]
    return make.make_model(graph, opset_imports=sets, ir_version=9)


def test_a_sound_network_of_the_same_kind_answers(folder: Path) -> None:
    """So that the others are refused for their fault alone."""
    onnx.save(onnx_network(), folder / "model.onnx")
    (folder / MANIFEST).write_text(json.dumps(manifest_of(folder, "onnx")))
    Image.new("RGB", (9, 9)).save(folder / "picture.png")
    for model in (folder, folder / "model.onnx"):
        (answer,) = cnnxfer.predict(folder / "picture.png", model=model, reporter=None)
        assert answer.as_json()["predictions"][0]["probability"] == 0.5
    other = folder / "other.onnx"
    other.write_bytes(b"")
    with pytest.raises(DataError, match="is not the network that"):
        list(cnnxfer.predict(folder / "picture.png", model=other, reporter=None))


@pytest.mark.parametrize("place", ["../weights.bin", "weights.bin", "/etc/passwd"])
def test_onnx_with_weights_in_other_files(folder: Path, place: str) -> None:
    for path in (folder / "weights.bin", folder.parent / "weights.bin"):
        path.write_bytes(bytes(24))
    network = onnx_network()
    weights = network.graph.initializer[1]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", place), ("length", "24")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    (folder / "model.onnx").write_bytes(network.SerializeToString())
    refused(folder, "onnx", "has weights in other files")


def test_onnx_with_an_operation_of_its_own(folder: Path) -> None:
    onnx.save(onnx_network("Evil", "of.a.stranger"), folder / "model.onnx")
    refused(
        folder, "onnx", r"cannot be run.*of\.a\.stranger:Evil.* is not a registered"
    )


@pytest.mark.parametrize("format", ["onnx", "openvino", "litert", "keras"])
def test_files_that_end_too_early(
    folder: Path, format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "model.bin").write_bytes(bytes(9))
    for content in (b"", b'<?xml version="1.0"?><net>', b"\x08\x09PK\x03\x04" * 9):
        (folder / FILES[format]).write_bytes(content)
        refused(folder, format, "cannot be run|is not XML|is not a complete Keras")
    assert capfd.readouterr().out == ""  # where ONNX Runtime likes to complain


def lite_network(of_tensorflow: bool) -> bytes:
    """Returns a LiteRT file that reads a file, as TensorFlow does or by itself."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(SHAPE, tf.float32)])
    def network(pixels: tf.Tensor) -> tf.Tensor:
        length = tf.strings.length(tf.io.read_file("/etc/passwd"))
        return tf.reduce_mean(pixels, [1, 2])[:, :2] + tf.cast(length, tf.float32)

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.get_concrete_function()]
    )
    converter.allow_custom_ops = True
    if of_tensorflow:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.SELECT_TF_OPS]
    return bytes(converter.convert())


@pytest.mark.parametrize(
    ("of_tensorflow", "message"),
    [(False, "cannot be run: .*custom op: ReadFile"), (True, "cannot be run: Select")],
)
def test_litert_that_reads_files(
    folder: Path, of_tensorflow: bool, message: str
) -> None:
    (folder / "model.tflite").write_bytes(lite_network(of_tensorflow))
    refused(folder, "litert", message)


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE net [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<net name="&b;" version="11"><layers/></net>"""
EVIL = """<?xml version="1.0"?>
<net name="net" version="11"><layers>
<layer id="0" name="pixels" type="Parameter" version="opset1">
<data shape="?,8,8,3" element_type="f32"/>
<output><port id="0" precision="FP32">
<dim>-1</dim><dim>8</dim><dim>8</dim><dim>3</dim></port></output></layer>
<layer id="1" name="evil" type="Evil" version="extension">
<input><port id="0"><dim>-1</dim><dim>8</dim><dim>8</dim><dim>3</dim></port></input>
<output><port id="1" precision="FP32"><dim>-1</dim><dim>2</dim></port></output></layer>
<layer id="2" name="outputs" type="Result" version="opset1">
<input><port id="0"><dim>-1</dim><dim>2</dim></port></input></layer>
</layers><edges>
<edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>
<edge from-layer="1" from-port="1" to-layer="2" to-port="0"/>
</edges></net>"""


def test_openvino_with_entities_or_operations_of_others(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"")
    path = folder / "model.xml"
    path.write_text(LAUGHS)
    refused(folder, "openvino", "has declarations of its own")
    path.write_text(LAUGHS, encoding="utf-16")
    refused(folder, "openvino", "it begins otherwise")
    path.write_text(EVIL)
    refused(folder, "openvino", "cannot be run.*")
    hashes = manifest_of(folder, "openvino")["sha256"]
    hashes.pop("model.bin")
    refused(folder, "openvino", "has no SHA-256 of model.bin", sha256=hashes)


def test_openvino_runs_the_file_that_was_hashed(folder: Path) -> None:
    """A network that is called as exports are is beside it, and nobody's hash."""
    (folder / "net.xml").write_text(EVIL)
    (folder / "net.bin").write_bytes(b"")
    hashes = manifest_of(folder, "openvino")["sha256"]
    make = openvino.opset16
    pixels = make.parameter([-1, 8, 8, 3], np.float32)
    outputs = make.reduce_mean(pixels, np.array([1, 2]))
    outputs = make.matmul(outputs, np.ones((3, 2), np.float32), False, False)
    openvino.serialize(openvino.Model([outputs], [pixels]), folder / "model.xml")
    refused(folder, "openvino", "cannot be run", sha256=hashes, file="net.xml")


def test_a_saved_model_that_calls_python(folder: Path) -> None:
    import tensorflow as tf

    class Caller(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(SHAPE, tf.float32)])
        def call(self, pixels: tf.Tensor) -> tf.Tensor:
            return tf.numpy_function(lambda x: x, [pixels], tf.float32)

    tf.saved_model.save(Caller(), folder / "saved_model")
    refused(folder, "savedmodel", "uses the operation PyFunc")
    hashes = manifest_of(folder, "savedmodel")["sha256"]
    (folder / "saved_model" / "more").write_text("not listed")
    refused(folder, "savedmodel", "is no file that was exported", sha256=hashes)


def keras_file(path: Path, change: Callable[[Any], None], **options: Any) -> None:
    """Writes a Keras file whose description has been changed."""
    import keras

    pixels = keras.Input(SHAPE[1:])
    x = keras.layers.GlobalAveragePooling2D()(pixels)
    keras.Model(pixels, keras.layers.Dense(2)(x)).save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_keras_with_code_or_bombs(folder: Path) -> None:
    path = folder / "model.keras"

    def to_lambda(config: Any) -> None:
        layer = config["config"]["layers"][1]
        layer["class_name"], layer["config"] = "Lambda", {"function": "pickle"}

    keras_file(path, to_lambda)
    refused(folder, "keras", r"refers to keras\.layers\.Lambda")
    keras_file(path, lambda config: config.update(note="0" * 10**6), compression=8)
    refused(folder, "keras", "no zip archive of uncompressed parts")
    path.write_bytes(b"\x80\x04\x95cos\nsystem\n.")  # a pickle
    refused(folder, "keras", "no zip archive of uncompressed parts")


def test_links_and_sizes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = folder / "model.onnx", folder.parent / "other.onnx"
    onnx.save(onnx_network(), other)
    path.symlink_to(other)
    refused(folder, "onnx", "is a link, which no export has")
    path.unlink()
    path.write_bytes(other.read_bytes())
    monkeypatch.setattr(manifest, "FILES_LIMIT_BYTES", path.stat().st_size - 1)
    refused(folder, "onnx", "the limit for a network")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 10**9}, "image_size"),
        ({"image_size": True}, "image_size"),
        ({"fraction": float("nan")}, "fraction|NaN"),
        ({"fraction": 0}, "fraction"),
        ({"classes": [["a", 1], ["b", "b"]]}, "classes"),
        ({"file": "model.onnx/../../other.onnx"}, "outside of its folder"),
        ({"sha256": {"../picture.png": "0" * 64}}, "outside of its folder"),
        ({"format": "pickle"}, "format"),
        ({"version": 1}, "version"),
        ({"answers": {"task": "nosuch"}}, "answers|activation"),
    ],
)
def test_manifests_that_say_what_cannot_be(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    onnx.save(onnx_network(), folder / "model.onnx")
    refused(folder, "onnx", message, **changes)
