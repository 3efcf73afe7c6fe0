"""Which layers learn, in which stage, at which multiple of the rate."""

from pathlib import Path

import keras
import pytest

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config, FineTune
from cnnxfer.config.config import PRESETS
from cnnxfer.errors import ConfigError
from cnnxfer.networks.classifier import all_layers, backbone_of, build_classifier
from cnnxfer.tasks.heads import HEAD
from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.phases.plan import StageRow, stage_table, step_text
from cnnxfer.training.phases.stages import (
    GROUPS,
    Stage,
    find_layer,
    group_starts,
    has_weights,
    layer_names,
    rate_factors,
    stages_of,
    unfreeze,
)


def small(name: str) -> keras.Model:
    backbone = BACKBONES.get(name)
    return build_classifier(
        backbone, image_size=backbone.min_size, num_classes=3, dropout=0.2
    )


@pytest.fixture(scope="module")
def mobilenet() -> keras.Model:
    return small("mobilenet-0.25")


@pytest.fixture(scope="module")
def xception() -> keras.Model:
    return small("xception")


def first_names(classifier: keras.Model, **settings: object) -> list[str]:
    names = layer_names(backbone_of(classifier))
    stages = stages_of(classifier, FineTune(**settings))
    return [names[stage.start] for stage in stages]


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"last": "100%"}, "conv1"),
        ({"last": "50%"}, "conv_dw_7"),
        ({"last": "1%"}, "conv_pw_13"),
        ({"start": "conv_pw_1"}, "conv_pw_1"),  # not conv_pw_10
        ({"start": "conv_pw_1", "last": "1%"}, "conv_pw_1"),
        ({"start": "CONV_DW_11_b"}, "conv_dw_11_bn"),
        ({"start": "conv_pad"}, "conv_pad_2"),
        ({"start": "0"}, "input_layer"),
        ({"start": "76"}, "conv_dw_12_relu"),
    ],
    ids=str,
)
def test_where_learning_begins(
    mobilenet: keras.Model, settings: dict[str, object], first: str
) -> None:
    assert first_names(mobilenet, **settings) == [first]


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("conv_pv_7", "no layer's name begins with it. Did you mean 'conv_pw_7'?"),
        ("conv_dx", "no layer's name begins with it. Did you mean 'conv_dw'?"),
        ("86", "the network's layers are at positions 0 to 85."),
        (
            "conv_pw_13_relu",
            "no layer from conv_pw_13_relu on has weights. The last one that has "
            "weights is conv_pw_13, at position 83.",
        ),
    ],
)
def test_an_unknown_layer_is_an_error(
    mobilenet: keras.Model, start: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        stages_of(mobilenet, FineTune(start=start))
    assert str(caught.value).startswith(f"start is {start!r}"[: len("start is ")])
    assert message in str(caught.value)
    if "Did you" in message or "positions" in message:
        assert "cnnxfer backbones show NAME --layers" in str(caught.value)


@pytest.mark.parametrize("batch_norm", ["frozen", "train"])
def test_layers_from_the_start_on_learn(
    mobilenet: keras.Model, batch_norm: str
) -> None:
    settings = FineTune(start="conv_dw_9", batch_norm=batch_norm)
    # What learned before has no say.
    unfreeze(mobilenet, Stage(0, 1, 0, start=1), FineTune(batch_norm="train"))
    unfreeze(mobilenet, stages_of(mobilenet, settings)[0], settings)
    names = [layer.name for layer in all_layers(mobilenet) if layer.weights]
    behind = names[names.index("conv_dw_9") :]
    expected = [
        name for name in behind if batch_norm == "train" or not name.endswith("_bn")
    ]
    learning = [layer for layer in all_layers(mobilenet) if layer.trainable_weights]
    assert [layer.name for layer in learning] == expected
    assert HEAD in expected


def test_stages_share_layers_and_epochs(mobilenet: keras.Model) -> None:
    stages = stages_of(mobilenet, FineTune(last="100%", gradual=3, epochs=8))
    assert [stage.number for stage in stages] == [0, 1, 2]
    assert [stage.epochs for stage in stages] == [2, 3, 3]
    assert [stage.first_epoch for stage in stages] == [0, 2, 5]
    backbone = backbone_of(mobilenet)
    assert stages[-1].start == layer_names(backbone).index("conv1")
    learning = [
        sum(has_weights(layer) for layer in backbone.operations[stage.start :])
        for stage in stages
    ]
    assert learning == [9, 18, 27]


def test_the_last_stage_begins_where_one_stage_would(xception: keras.Model) -> None:
    # At a layer within a block, which nothing but the user's word chooses.
    start = "block10_sepconv2_bn"
    assert first_names(xception, start=start, gradual=2)[-1] == start


def test_stages_begin_with_blocks(xception: keras.Model) -> None:
    names = first_names(xception, last="100%", gradual=3)
    assert all(name.split("_")[1].startswith(("sepconv1", "conv1")) for name in names)


def test_more_stages_than_epochs_or_layers(mobilenet: keras.Model) -> None:
    with pytest.raises(ConfigError, match=r"gradual is 9, but epochs is 8; each"):
        stages_of(mobilenet, FineTune(gradual=9))
    with pytest.raises(ConfigError) as caught:
        stages_of(mobilenet, FineTune(start="conv_pw_12", gradual=4))
    assert str(caught.value) == (
        "gradual is 4, but no more than 3 of the backbone's layers learn. Use fewer "
        "stages, or more of the network: last='100%'."
    )


@pytest.mark.parametrize("name", ["mobilenet-0.25", "xception", "nasnetmobile"])
def test_rates_fall_from_the_head_to_the_pixels(name: str) -> None:
    classifier = small(name)
    settings = FineTune(last="100%", layer_decay=0.8, batch_norm="train")
    unfreeze(classifier, stages_of(classifier, settings)[0], settings)
    factors = rate_factors(classifier, settings)
    paths = [
        variable.path
        for layer in backbone_of(classifier).layers
        for variable in layer.trainable_variables
    ]
    assert list(factors) == paths  # the head is not among them
    values = list(factors.values())
    assert values == sorted(values)
    powers = [0.8**power for power in range(GROUPS, 0, -1)]
    assert list(dict.fromkeys(values)) == pytest.approx(powers)
    # Groups are about as large.
    kernels = [path for path in factors if path.endswith("kernel")]
    sizes = [sum(factors[path] == value for path in kernels) for value in set(values)]
    assert max(sizes) <= 2.5 * len(kernels) / GROUPS


def test_a_block_has_one_rate(xception: keras.Model) -> None:
    names = layer_names(backbone_of(xception))
    starts = [names[start] for start in group_starts(backbone_of(xception))]
    assert starts[2:] == [
        f"block{number}_sepconv1" for number in (4, 5, 6, 7, 8, 10, 11, 12, 13, 14)
    ]


def test_without_decay_all_rates_are_the_same(mobilenet: keras.Model) -> None:
    assert rate_factors(mobilenet, FineTune()) == {}


def table(
    classifier: keras.Model,
    tmp_path: Path,
    limit_bytes: int = 10**9,
    augment: str = "light",
    **settings: object,
) -> list[StageRow]:
    return stage_table(
        classifier,
        Config(fine_tune=FineTune(**settings), augment=PRESETS[augment]),
        train_images=100,
        validation_images=20,
        store=ActivationStore(tmp_path, limit_bytes),
    )


def test_the_table_matches_what_fine_tuning_does(
    mobilenet: keras.Model, tmp_path: Path
) -> None:
    rows = table(mobilenet, tmp_path, last="60%", gradual=2, learning_rate=0.02)
    assert [(row.stage, row.first_epoch, row.epochs) for row in rows] == [
        (1, 1, 4),
        (2, 5, 4),
    ]
    last = rows[-1]
    backbone, head = last.groups
    assert (backbone.first, backbone.last, backbone.layers) == (
        "conv_dw_6",
        "conv_pw_13",
        16,
    )
    assert (head.first, head.last, head.layers) == (HEAD, HEAD, 1)
    assert (head.parameters, head.learning_rate) == (256 * 3 + 3, 0.02)
    learning = [layer for layer in all_layers(mobilenet) if layer.trainable_variables]
    assert backbone.parameters + head.parameters == sum(
        layer.count_params() for layer in learning
    )
    assert last.cut
    # 4x4x64 at 32 pixels; four views and the validation images, two bytes each.
    assert (last.cut.name, last.cut.views) == ("conv_pw_5_relu", 4)
    assert last.cut.size_bytes == (4 * 100 + 20) * 4 * 4 * 64 * 2
    assert 1 < last.all_times < rows[0].all_times
    assert (
        "4 views of each training image kept, 860.2 kB; with last='100%', a"
        in last.text
    )


def test_the_table_has_a_line_for_each_rate(
    mobilenet: keras.Model, tmp_path: Path
) -> None:
    (row,) = table(mobilenet, tmp_path, layer_decay=0.5, learning_rate="auto")
    assert [group.factor for group in row.groups] == [0.0625, 0.125, 0.25, 0.5, 1]
    assert {group.learning_rate for group in row.groups} == {None}
    assert sum(group.layers for group in row.groups) == 9 + 1


def test_as_many_views_are_kept_as_fit(mobilenet: keras.Model, tmp_path: Path) -> None:
    (row,) = table(mobilenet, tmp_path, last="60%")
    assert row.cut
    (row,) = table(mobilenet, tmp_path, row.cut.size_bytes - 1, last="60%")
    assert row.cut
    assert row.cut.views == 3
    (row,) = table(mobilenet, tmp_path, 1000, last="60%")
    assert row.cut
    assert row.cut.views == 0
    assert "more than the cache may hold (CNNXFER_CACHE_LIMIT)" in row.text
    (row,) = table(mobilenet, tmp_path, augment="none", last="60%")
    assert row.cut
    assert row.cut.views == 1


@pytest.mark.parametrize(
    "settings", [{"augment": "strong"}, {"last": "100%"}, {"start": "conv_dw_2"}]
)
def test_no_cut_if_nothing_can_be_cached(
    mobilenet: keras.Model, tmp_path: Path, settings: dict[str, str]
) -> None:
    (row,) = table(mobilenet, tmp_path, **settings)
    assert row.cut is None
    assert "the whole network runs in every step" in row.text


def test_the_cost_of_all_layers(mobilenet: keras.Model, tmp_path: Path) -> None:
    (row,) = table(mobilenet, tmp_path, last="100%")
    assert row.all_times == pytest.approx(1, abs=0.02)
    assert "last=" not in row.text
    assert step_text(None, 2.0).endswith("a step would take about 2.0 times as long")


def test_positions_are_those_that_are_listed(xception: keras.Model) -> None:
    backbone = backbone_of(xception)
    assert find_layer(backbone, "116") == 116
    assert layer_names(backbone)[116] == "block13_sepconv1_act"
    assert find_layer(backbone, "block13") == 116
