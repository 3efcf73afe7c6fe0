import inspect
import io
import json
import pkgutil
import shutil
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer import api
from cnnxfer.config.options import options_of
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.runs import Run

FUNCTIONS = [name for name in cnnxfer.__all__ if name.islower() and name[0] != "_"]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(cnnxfer.__path__, "cnnxfer.")
    if not module.name.endswith("__main__")
]


def test_no_module_hides_a_public_function() -> None:
    for module in MODULES:
        import_module(module)
    for name in FUNCTIONS:
        assert inspect.isfunction(getattr(cnnxfer, name))
        assert f"cnnxfer.{name}" not in MODULES


def test_star_import_and_completion_offer_the_functions() -> None:
    names: dict[str, object] = {}
    exec("from cnnxfer import *", names)
    for name in FUNCTIONS:
        assert names[name] is getattr(api, name)
        assert name in dir(cnnxfer)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="'cnnxfer' has no attribute 'trian'"):
        _ = cnnxfer.trian
    with pytest.raises(AttributeError, match="'fit'; it is called 'train' here"):
        _ = cnnxfer.fit


def test_importing_cnnxfer_imports_nothing_heavy() -> None:
    code = """
import sys, cnnxfer
heavy = {"keras", "tensorflow", "numpy", "PIL", "typer", "rich"}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
cnnxfer.train
heavy -= {"typer", "rich"}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_predict_takes_one_path_or_many(colour_run: Run, photos_dir: Path) -> None:
    one, two = photos_dir / "red/00.jpg", str(photos_dir / "blue/00.jpg")
    (prediction,) = cnnxfer.predict(one, model=colour_run)
    assert (prediction.path, prediction.top.label) == (str(one), "red")
    labels = [
        prediction.top.label
        for prediction in cnnxfer.predict((one, two), model=colour_run.path, top=1)
    ]
    assert labels == ["red", "blue"]


def test_the_default_top_is_at_most_the_number_of_classes(
    colour_run: Run, photos_dir: Path
) -> None:
    photo = photos_dir / "red/00.jpg"
    (prediction,) = cnnxfer.predict(photo, model=colour_run)
    assert prediction.top.label == "red"
    assert len(prediction.answer.rows()) == 3
    for top in (0, 4):
        with pytest.raises(ConfigError, match=f"^top is {top}; it must be "):
            cnnxfer.predict(photo, model=colour_run, top=top)


def test_predictions_go_into_files(
    colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    photos = [photos_dir / "red/00.jpg", photos_dir / "blue/00.jpg"]
    (tmp_path / "broken.jpg").touch()
    out = tmp_path / "out.jsonl"
    totals = cnnxfer.predict_into(
        [*photos, tmp_path / "broken.jpg"],
        model=colour_run,
        out=out,
        sheet=tmp_path / "sheet.html",
        copy_to=str(tmp_path / "sorted"),
        engine="keras",
    )
    assert (totals.images, totals.failures.total()) == (3, 1)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    found = cnnxfer.predict(photos, model=colour_run, engine="keras")
    assert lines[:2] == [prediction.as_json() for prediction in found]
    assert (tmp_path / "sheet.html").read_text().count("<figure") == 3
    assert {path.name for path in (tmp_path / "sorted").iterdir()} == {"red", "blue"}
    stream = io.StringIO()
    cnnxfer.predict_into(photos[0], model=colour_run, out=stream, format="csv")
    assert stream.getvalue().splitlines()[1].startswith(f"{photos[0]},")
    with pytest.raises(ConfigError, match=r"Add: out='FILE.jsonl'"):
        cnnxfer.predict_into(photos, model=colour_run, resume=True)


def test_a_class_called_unsure_is_told_from_no_answer(
    colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    colour_run.write_classes(["blue", "green", "unsure"])  # it is red
    Image.new("RGB", (32, 32), "grey").save(photos_dir / "red/grey.png")
    reporter = RecordingReporter()
    cnnxfer.predict_into(
        [photos_dir / "red/00.jpg", photos_dir / "red/grey.png"],
        model=colour_run,
        out=tmp_path / "out.jsonl",
        copy_to=str(tmp_path / "sorted"),
        min_confidence=0.5,
        engine="keras",
        reporter=reporter,
    )
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    labels = [json.loads(line)["label"] for line in lines]
    assert labels == ["unsure", "no answer"]
    copies = {path.parent.name: path.name for path in tmp_path.glob("sorted/*/*")}
    assert copies == {"unsure": "00.jpg", "no answer": "grey.png"}
    assert (
        "a class is called 'unsure', so images without an answer are called 'no answer'"
        in reporter.infos
    )


def test_an_open_classifier_answers_batches(colour_run: Run, photos_dir: Path) -> None:
    photo = photos_dir / "red/00.jpg"
    with cnnxfer.open_classifier(colour_run, top=1, engine="keras") as classifier:
        (found,) = classifier.predict(photo)
        assert found.label == "red"
        assert len(found.answer.rows()) == 1
        assert classifier.predict([photo.read_bytes()])[0].answer == found.answer
        assert classifier.predict([]) == []
    with pytest.raises(ConfigError, match="Did you mean 'engine'"):
        cnnxfer.open_classifier(colour_run, engin="keras")


def test_wrong_inputs_are_refused_at_the_call(colour_run: Run) -> None:
    """They are not refused only at the first prediction."""
    with pytest.raises(DataError, match="no file, folder or match"):
        cnnxfer.predict("nosuch.jpg", model=colour_run)


def test_numbers_texts_and_lists_are_taken_for_what_they_are() -> None:
    with pytest.raises(ConfigError, match="epochs is 0; expected"):
        cnnxfer.resume(epochs=0)
    with pytest.raises(ConfigError, match="budget is 0; expected"):
        cnnxfer.compare("sample", budget=0)
    with pytest.raises(ConfigError, match="unknown backbone 'nosuch'"):
        cnnxfer.compare("sample", "mobilenet, nosuch")
    with pytest.raises(ConfigError, match="unknown option 'heat'"):
        cnnxfer.predict("a.jpg", heat=True)  # type: ignore[call-arg]


def test_options_have_the_names_of_function_parameters() -> None:
    from cnnxfer.cli import (
        check,
        compare,
        evaluate,
        explain,
        export,
        merge,
        predict,
        preview,
        report,
        serve,
        train,
    )

    commands = {
        "train": train.train,
        "unfreeze": train.unfreeze,
        "resume": train.resume,
        "check": check.check,
        "preview": preview.preview,
        "predict": predict.predict,
        "merge": merge.merge,
        "evaluate": evaluate.evaluate,
        "explain": explain.explain,
        "export": export.export,
        "report": report.report,
        "serve": serve.serve,
        "compare": compare.compare,
    }
    others = {
        "unfreeze_plan",
        "train_settings",
        "open_classifier",
        "predict_into",
        "explain_layer",
    }
    assert commands.keys() == set(FUNCTIONS) - others
    for name, command in commands.items():
        offered = inspect.signature(command).parameters.keys()
        taken = inspect.signature(getattr(api, name)).parameters.keys()
        assert taken - {"data", "reporter", "options", "on_ready"} <= offered
        if "options" in taken:
            assert options_of(name).keys() <= offered


def test_a_closed_iterator_leaves_no_threads(colour_run: Run, photos_dir: Path) -> None:
    threads = threading.active_count()
    for _ in range(2):
        predictions = cnnxfer.predict(photos_dir, model=colour_run, engine="keras")
        next(predictions)
        predictions.close()
        assert threading.active_count() <= threads


def test_members_of_archives_are_not_kept_in_memory(
    colour_run: Run, photos_dir: Path, tmp_path: Path
) -> None:
    shutil.make_archive(str(tmp_path / "photos"), "gztar", photos_dir / "red")
    archive, photo = tmp_path / "photos.tar.gz", photos_dir / "red/00.jpg"
    member, file = [
        next(cnnxfer.predict(item, model=colour_run, engine="keras"))
        for item in (archive, photo)
    ]
    assert member.source is None
    assert file.source is not None
    assert file.source.read() == photo.read_bytes()


def test_a_run_is_renamed_noted_and_removed(colour_run: Run) -> None:
    run = cnnxfer.Run.find(colour_run.name[:3], colour_run.path.parent)
    best = run.rename("best")
    assert type(best) is cnnxfer.Run
    assert best == cnnxfer.Run.find("@0", colour_run.path.parent)
    best.write_note("the first")
    assert best.note == "the first"
    best.remove()
    assert not best.path.exists()
    with pytest.raises(ConfigError, match="there is no run"):
        cnnxfer.Run.find(runs_dir=colour_run.path.parent)


def test_a_run_says_what_it_is_and_does_what_functions_do(
    colour_run: Run, photos_dir: Path
) -> None:
    run = cnnxfer.Run.find(colour_run.path)
    assert repr(run) == f"Run('{run.path}', 3 classes, validation 75.0%)"
    photo = photos_dir / "red/00.jpg"
    (prediction,) = run.predict(photo, top=1)
    assert prediction.top.label == "red"
    with pytest.raises(cnnxfer.ConfigError, match="no run called 'nosuch'"):
        cnnxfer.Run.find("nosuch", photos_dir)
    shown = run._repr_html_()
    assert "<td>frozen</td>" in shown
    assert repr(cnnxfer.Run(str(photos_dir))) == f"Run('{photos_dir}')"
