"""The table of backbones, one line each, with the sources of the figures.

Parameters are counted on the built network with its head. Image sizes are
the defaults of the constructors. Accuracies are single-crop figures for the weights
that cnnxfer uses:

- https://keras.io/api/applications/ for all networks in its table. It gives no top-5
  accuracy for ConvNeXt, whose Base, Large and XLarge were pretrained on ImageNet-21k.
- https://github.com/keras-team/keras-applications (README) for the widths of
  MobileNet V1 and V2, from the same evaluation.
- The docstring of `keras.applications.MobileNetV3Small` for MobileNet V3; it gives no
  top-5 accuracy.
- https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite for
  EfficientNet-Lite; it gives no top-5 accuracy either.
"""

from typing import NamedTuple

from cnnxfer.backbones.backbone import Backbone
from cnnxfer.backbones.classics.catalog import classics
from cnnxfer.registry import Registry


class _Family(NamedTuple):
    paper: str
    normalization: str
    min_size: int


class _Row(NamedTuple):
    constructor: str
    image_size: int
    parameters: int
    top1: float
    top5: float | None
    width: float | None = None  # `alpha` of the MobileNets; None is the full width


_FAMILIES: dict[_Family, tuple[_Row, ...]] = {
    _Family("https://arxiv.org/abs/1704.04861", "tf", 32): (
        _Row("MobileNet", 224, 475_544, 0.516, 0.758, width=0.25),
        _Row("MobileNet", 224, 1_342_536, 0.643, 0.856, width=0.5),
        _Row("MobileNet", 224, 2_601_976, 0.684, 0.882, width=0.75),
        _Row("MobileNet", 224, 4_253_864, 0.704, 0.895),
    ),
    _Family("https://arxiv.org/abs/1801.04381", "tf", 32): (
        _Row("MobileNetV2", 224, 1_691_208, 0.601, 0.824, width=0.35),
        _Row("MobileNetV2", 224, 1_987_224, 0.652, 0.861, width=0.5),
        _Row("MobileNetV2", 224, 2_663_064, 0.695, 0.892, width=0.75),
        _Row("MobileNetV2", 224, 3_538_984, 0.713, 0.901),
        _Row("MobileNetV2", 224, 5_431_048, 0.747, 0.921, width=1.3),
        _Row("MobileNetV2", 224, 6_156_712, 0.752, 0.924, width=1.4),
    ),
    _Family("https://arxiv.org/abs/1905.02244", "built_in", 32): (
        _Row("MobileNetV3Small", 224, 2_554_968, 0.681, None),
        _Row("MobileNetV3Large", 224, 5_507_432, 0.756, None),
    ),
    _Family("https://arxiv.org/abs/1905.11946", "built_in", 32): (
        _Row("EfficientNetB0", 224, 5_330_571, 0.771, 0.933),
        _Row("EfficientNetB1", 240, 7_856_239, 0.791, 0.944),
        _Row("EfficientNetB2", 260, 9_177_569, 0.801, 0.949),
        _Row("EfficientNetB3", 300, 12_320_535, 0.816, 0.957),
        _Row("EfficientNetB4", 380, 19_466_823, 0.829, 0.964),
        _Row("EfficientNetB5", 456, 30_562_527, 0.836, 0.967),
        _Row("EfficientNetB6", 528, 43_265_143, 0.840, 0.968),
        _Row("EfficientNetB7", 600, 66_658_687, 0.843, 0.970),
    ),
    _Family("https://arxiv.org/abs/2104.00298", "built_in", 32): (
        _Row("EfficientNetV2B0", 224, 7_200_312, 0.787, 0.943),
        _Row("EfficientNetV2B1", 240, 8_212_124, 0.798, 0.950),
        _Row("EfficientNetV2B2", 260, 10_178_374, 0.805, 0.951),
        _Row("EfficientNetV2B3", 300, 14_467_622, 0.820, 0.958),
        _Row("EfficientNetV2S", 384, 21_612_360, 0.839, 0.967),
        _Row("EfficientNetV2M", 480, 54_431_388, 0.853, 0.974),
        _Row("EfficientNetV2L", 480, 119_027_848, 0.857, 0.975),
    ),
    _Family("https://arxiv.org/abs/2201.03545", "built_in", 32): (
        _Row("ConvNeXtTiny", 224, 28_589_128, 0.813, None),
        _Row("ConvNeXtSmall", 224, 50_223_688, 0.823, None),
        _Row("ConvNeXtBase", 224, 88_591_464, 0.853, None),
        _Row("ConvNeXtLarge", 224, 197_767_336, 0.863, None),
        _Row("ConvNeXtXLarge", 224, 350_196_968, 0.867, None),
    ),
    _Family("https://arxiv.org/abs/1512.03385", "caffe", 32): (
        _Row("ResNet50", 224, 25_636_712, 0.749, 0.921),
        _Row("ResNet101", 224, 44_707_176, 0.764, 0.928),
        _Row("ResNet152", 224, 60_419_944, 0.766, 0.931),
    ),
    _Family("https://arxiv.org/abs/1603.05027", "tf", 32): (
        _Row("ResNet50V2", 224, 25_613_800, 0.760, 0.930),
        _Row("ResNet101V2", 224, 44_675_560, 0.772, 0.938),
        _Row("ResNet152V2", 224, 60_380_648, 0.780, 0.942),
    ),
    _Family("https://arxiv.org/abs/1608.06993", "torch", 32): (
        _Row("DenseNet121", 224, 8_062_504, 0.750, 0.923),
        _Row("DenseNet169", 224, 14_307_880, 0.762, 0.932),
        _Row("DenseNet201", 224, 20_242_984, 0.773, 0.936),
    ),
    _Family("https://arxiv.org/abs/1512.00567", "tf", 75): (
        _Row("InceptionV3", 299, 23_851_784, 0.779, 0.937),
    ),
    _Family("https://arxiv.org/abs/1602.07261", "tf", 75): (
        _Row("InceptionResNetV2", 299, 55_873_736, 0.803, 0.953),
    ),
    _Family("https://arxiv.org/abs/1610.02357", "tf", 71): (
        _Row("Xception", 299, 22_910_480, 0.790, 0.945),
    ),
    _Family("https://arxiv.org/abs/1707.07012", "tf", 32): (
        _Row("NASNetMobile", 224, 5_326_716, 0.744, 0.919),
        _Row("NASNetLarge", 331, 88_949_818, 0.825, 0.960),
    ),
    _Family("https://arxiv.org/abs/1409.1556", "caffe", 32): (
        _Row("VGG16", 224, 138_357_544, 0.713, 0.901),
        _Row("VGG19", 224, 143_667_240, 0.713, 0.900),
    ),
}


def _entry(family: _Family, row: _Row) -> Backbone:
    return Backbone(
        name=row.constructor.lower() + ("" if row.width is None else f"-{row.width}"),
        builder=f"keras.applications:{row.constructor}",
        normalization=family.normalization,
        image_size=row.image_size,
        min_size=family.min_size,
        parameters=row.parameters,
        top1=row.top1,
        top5=row.top5,
        paper=family.paper,
        arguments={} if row.width is None else {"alpha": row.width},
    )


def _lite(
    number: int,
    image_size: int,
    parameters: int,
    top1: float,
    width: float = 1.0,
    depth: float = 1.0,
) -> Backbone:
    return Backbone(
        name=f"efficientnet-lite{number}",
        builder="cnnxfer.backbones.efficientnet_lite:EfficientNetLite",
        normalization="lite",
        image_size=image_size,
        min_size=32,
        parameters=parameters,
        top1=top1,
        top5=None,
        paper="https://arxiv.org/abs/1905.11946",
        arguments={"width": width, "depth": depth},
        torch_names="cnnxfer.backbones.efficientnet_lite:torch_names",
    )


BACKBONES = Registry(
    "backbone",
    _lite(0, 224, 4_694_024, 0.751),
    _lite(1, 240, 5_470_344, 0.767, depth=1.1),
    _lite(2, 260, 6_150_168, 0.776, width=1.1, depth=1.2),
    *(_entry(family, row) for family, rows in _FAMILIES.items() for row in rows),
    *classics(),
    listed_by="cnnxfer backbones",
)
