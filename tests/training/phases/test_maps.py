"""Heads that read maps: both phases, exact resume, and answers of the saved model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images_of_run import splits_of
from PIL import Image
from recording_reporter import pressing_ctrl_c
from shallow_mobilenet import in_place_of_mobilenet

import cnnxfer
from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.errors import ConfigError, Interrupted
from cnnxfer.evaluation.measuring import measure
from cnnxfer.networks.classifier import backbone_of
from cnnxfer.networks.saving import load_model
from cnnxfer.prediction.model_source import run_model
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, find_run
from cnnxfer.tasks.task import ANSWER

Train = Callable[..., Run]
PICTURES = 24
SIDE = 64
SHORT = {"epochs": 4, "batch": 4, "lr": 0.003, "cache": True, "engine": "keras"}


@pytest.fixture(scope="module")
def boxes_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of a bright rectangle each, with COCO's annotations of its outline."""
    folder = tmp_path_factory.mktemp("boxes")
    rng = np.random.default_rng(3)
    pictures, objects = [], []
    for number in range(PICTURES):
        pixels = rng.integers(0, 90, (SIDE, SIDE, 3))
        left, top = (int(low) for low in rng.integers(0, SIDE // 2, 2))
        wide, high = (int(side) for side in rng.integers(16, SIDE // 2, 2))
        pixels[top : top + high, left : left + wide, number % 2] += 150
        name = f"{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
        right, bottom = left + wide, top + high
        outline = [left, top, right, top, right, bottom, left, bottom]
        pictures.append(
            {"id": number, "file_name": name, "width": SIDE, "height": SIDE}
        )
        objects.append(
            {
                "id": number,
                "image_id": number,
                "category_id": number % 2,
                "bbox": [left, top, wide, high],
                "segmentation": [outline],
                "area": wide * high,
                "iscrowd": 0,
            }
        )
    names = [{"id": 0, "name": "red"}, {"id": 1, "name": "green"}]
    document = {"images": pictures, "annotations": objects, "categories": names}
    (folder / "boxes.json").write_text(json.dumps(document))
    return folder


def options(task: str) -> dict[str, Any]:
    """Returns the settings with which a task learns in a moment."""
    heads = {"localization": "vote", "detection": "pyramid", "segmentation": "fcn8"}
    return {**SHORT, "task": task, "head": heads[task], "image_size": SIDE, "views": 2}


@pytest.fixture(scope="module")
def trained(
    train: Train, boxes_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Run]:
    """Returns the run of a task, which is trained when it is first asked for."""
    runs: dict[str, Run] = {}

    def run_of(task: str) -> Run:
        if task not in runs:
            folder = tmp_path_factory.mktemp(task)
            runs[task] = train(folder, data=boxes_dir, **options(task))
        return runs[task]

    return run_of


@pytest.mark.parametrize("task", ["localization", "detection", "segmentation"])
def test_a_head_on_maps_learns_is_tuned_and_answers(
    trained: Callable[[str], Run], boxes_dir: Path, task: str
) -> None:
    run = trained(task)
    assert run.config.task == task
    assert run.config.fit == ("stretch" if task == "localization" else "letterbox")
    losses = [float(row["loss"]) for row in run.history]
    assert min(losses[1:]) < losses[0] - 0.01, losses  # epochs see other views
    model = load_model(run.model_path)
    assert [layer.name for layer in model.layers][2:4] == ["backbone", "head"]
    assert (model.layers[-1].name == ANSWER) is (task != "localization")
    strides = [SIDE // output.shape[1] for output in backbone_of(model).outputs]
    assert strides == ([32] if task == "localization" else [8, 16, 32])

    with in_place_of_mobilenet():
        tuned = cnnxfer.unfreeze(
            run.path,
            epochs=1,
            lr=0.001,
            last="60%",
            keep="last",
        )
        evaluation = cnnxfer.evaluate(tuned.path)
    assert tuned.phase == "fine_tune"
    assert tuned.split == run.split
    assert 0 <= evaluation.figures.headline[1].value <= 1
    # The end of training tells what evaluating the head would.
    told, options = run.metrics["validation"], ClassifierOptions()
    images = [splits_of(run).validation]
    (found,) = measure(run_model(run), images, Reporter(), options)
    figure, share = found.figures.headline
    assert told["headline"]["figure"] == figure
    assert told["headline"]["value"] == pytest.approx(share.value, abs=0.01)
    (prediction,) = cnnxfer.predict(boxes_dir / "0.png", model=run)
    answer = prediction.answer.record()
    assert answer.keys() == ({"classes"} if task == "segmentation" else {"objects"})
    if task == "detection":  # what tiles show is merged
        (again,) = cnnxfer.predict(boxes_dir / "0.png", model=run, tiles=48)
        assert again.answer.record().keys() == {"objects"}
    else:
        with pytest.raises(ConfigError, match="tiles=48 is for models that find any"):
            cnnxfer.predict(boxes_dir / "0.png", model=run, tiles=48)
    if task == "segmentation":
        assert prediction.mask.shape == (SIDE, SIDE)
        assert set(run.class_names) == {"background", "green", "red"}


def test_it_resumes_as_if_undisturbed(
    trained: Callable[[str], Run], train: Train, boxes_dir: Path, tmp_path: Path
) -> None:
    whole = trained("detection")
    with pytest.raises(Interrupted):
        train(
            tmp_path,
            data=boxes_dir,
            reporter=pressing_ctrl_c("epoch 2/4"),
            **options("detection"),
        )
    with in_place_of_mobilenet():
        run = cnnxfer.resume(find_run("latest", tmp_path, with_model=False).path)
    for one, other in zip(
        load_model(run.model_path).get_weights(),
        load_model(whole.model_path).get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
