"""The list of benchmarks, one entry each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Benchmark:
    """One benchmark, which makes one table.

    Attributes:
        name: the name of the benchmark. Results are written to `results/NAME.json`.
        module: the module that has its `add_options(parser)` and `measure(options)`.
        measures: what it measures, for the list.
        baseline: what it measures against; None if there is nothing to compare with.
        takes: how long it takes with its defaults, on two cores.
    """

    name: str
    module: str
    measures: str
    baseline: str | None
    takes: str


BENCHMARKS = (
    Benchmark(
        "frozen_speed",
        "bench.frozen.speed",
        "a whole `cnnxfer train` of a head, with an empty and a filled cache",
        "the textbook's script: 5 epochs, batch 32, 224 pixels",
        "35 minutes",
    ),
    Benchmark(
        "frozen_accuracy",
        "bench.frozen.accuracy",
        "accuracy of a head on ImageNet weights, by number of views",
        "the textbook's script, 5 epochs",
        "25 minutes",
    ),
    Benchmark(
        "frozen_throughput",
        "bench.frozen.throughput",
        "images a second from JPEGs to features",
        "1 / (1/decoding + 1/engine), each alone with all cores",
        "3 minutes",
    ),
    Benchmark(
        "frozen_activations",
        "bench.frozen.activations",
        "time and size of activations that are kept at a cut, four views an image",
        None,
        "1 minute",
    ),
    Benchmark(
        "frozen_memory",
        "bench.frozen.memory",
        "peak memory of `cnnxfer train` on 1,000 and on 20,000 images",
        None,
        "3 minutes",
    ),
    Benchmark(
        "frozen_int8",
        "bench.frozen.int8",
        "accuracy of a head on features in int8, three seeds",
        "heads on features in bfloat16, or float32 where the processor lacks it",
        "15 minutes",
    ),
    Benchmark(
        "frozen_int8_speed",
        "bench.frozen.int8_speed",
        "seconds of calibrating for int8, and the number of pictures it pays from",
        "the same network in bfloat16, or float32 where the processor lacks it",
        "6 minutes",
    ),
    Benchmark(
        "fine_tune_recipes",
        "bench.fine_tune.recipes",
        "accuracy and time of both phases by recipe, on ImageNet weights",
        "the textbook's script: 5 epochs frozen, then 10 with all layers learning",
        "5 hours, most of it the textbook's",
    ),
    Benchmark(
        "fine_tune_backbones",
        "bench.fine_tune.backbones",
        "accuracy, time and speed of backbones side by side, both phases",
        None,
        "1.5 hours",
    ),
    Benchmark(
        "fine_tune_step",
        "bench.fine_tune.step",
        "speed and memory of a training step, all layers learning",
        "Keras in float32 with BatchNormalization that learns",
        "15 minutes",
    ),
    Benchmark(
        "fine_tune_kills",
        "bench.fine_tune.kills",
        "whether runs that are killed at random moments end as undisturbed ones do",
        "the same runs, undisturbed: bit for bit",
        "15 minutes",
    ),
    Benchmark(
        "scratch_digits",
        "bench.scratch.digits",
        "LeNet-5 on MNIST from random weights: accuracy, and images a second",
        "the textbook's loop: Keras's `fit` on an array, batch 32",
        "12 minutes",
    ),
    Benchmark(
        "scratch_cifar10",
        "bench.scratch.cifar10",
        "SE-ResNet-20 on a sample of CIFAR-10 from random weights, by its recipe",
        "the textbook's loop for the same time",
        "45 minutes",
    ),
    Benchmark(
        "scratch_excitation",
        "bench.scratch.excitation",
        "accuracy of ResNet-20 with and without squeeze-and-excitation",
        "the same network without it",
        "half an hour",
    ),
    Benchmark(
        "scratch_transfer",
        "bench.scratch.transfer",
        "accuracy of VGG from random weights and of a head on ImageNet weights",
        "the other, in the same time",
        "6 minutes",
    ),
    Benchmark(
        "scratch_step",
        "bench.scratch.step",
        "speed of a training step from random weights, by network",
        "Keras's train_on_batch of the plain network, in float32",
        "5 minutes",
    ),
    Benchmark(
        "predict_thousand",
        "bench.predict.thousand",
        "1,000 photographs by `cnnxfer predict`, first and later uses",
        "the textbook's loop: Pillow, preprocess_input, model.predict a picture",
        "30 minutes",
    ),
    Benchmark(
        "predict_one",
        "bench.predict.one",
        "seconds and memory of `cnnxfer predict` for a single picture",
        "the textbook's loop, a process of its own",
        "2 minutes",
    ),
    Benchmark(
        "predict_precision",
        "bench.predict.precision",
        "accuracy on 100 ImageNet photographs in float32 and bfloat16",
        "the same network in float32",
        "1 minute",
    ),
    Benchmark(
        "predict_many",
        "bench.predict.many",
        "peak memory for up to 50,000 images, and `--resume` after a kill",
        "the output of an undisturbed run, byte for byte",
        "3 minutes",
    ),
    Benchmark(
        "predict_shards",
        "bench.predict.shards",
        "16 shards of tens of thousands of images, one of which is killed; and merged",
        "one process that answers all: byte for byte",
        "10 minutes",
    ),
    Benchmark(
        "predict_ray",
        "bench.predict.ray_workers",
        "images a second, start-up and memory of two workers of Ray, and kills of them",
        "one process with the same cores",
        "15 minutes",
    ),
    Benchmark(
        "serving_load",
        "bench.serving.load",
        "requests a second of `cnnxfer serve` with 1, 8 and 64 clients",
        "FastAPI around model.predict, and around the same engine one at a time",
        "6 minutes",
    ),
    Benchmark(
        "exporting_networks",
        "bench.exporting.networks",
        "each format of export with 13 networks: parity, size, time, memory, speed",
        "the answers of Keras in float32",
        "50 minutes",
    ),
    Benchmark(
        "exporting_tasks",
        "bench.exporting.tasks",
        "each format of export with each task: parity, size, time, memory, speed",
        "the answers of Keras in float32",
        "20 minutes",
    ),
    Benchmark(
        "exporting_precisions",
        "bench.exporting.precisions",
        "accuracy and size of exports in float16 and int8",
        "the same format in float32",
        "10 minutes",
    ),
    Benchmark(
        "exporting_conversions",
        "bench.exporting.conversions",
        "which networks are converted for OpenVINO without TensorFlow, how exactly",
        "Keras on TensorFlow, in float32",
        "10 minutes",
    ),
    Benchmark(
        "data_feeding",
        "bench.data.feeding",
        "images a second that a training is fed with, augmented",
        "Keras's image_dataset_from_directory, and worker processes in torch's manner",
        "9 minutes",
    ),
    Benchmark(
        "data_levels",
        "bench.data.levels",
        "images a second that a training is fed with, by level of augmentation",
        None,
        "3 minutes",
    ),
    Benchmark(
        "data_small",
        "bench.data.small",
        "images a second that a training is fed with, of 28 and 32 pixels",
        "Keras's RandomTranslation and RandomFlip on an array of all images",
        "3 minutes",
    ),
    Benchmark(
        "data_index",
        "bench.data.index",
        "images a second of the first and the second look at a data set",
        "decoding alone by Pillow, in a process for each core",
        "6 minutes",
    ),
    Benchmark(
        "data_sameness",
        "bench.data.sameness",
        "whether the same data gives the same split, pixels and head everywhere",
        "the same data in one process, from one source",
        "6 minutes",
    ),
    Benchmark(
        "data_growth",
        "bench.data.growth",
        "time and memory of the search for near-duplicates among up to 100,000 images",
        None,
        "2 minutes",
    ),
    Benchmark(
        "data_piles",
        "bench.data.piles",
        "seconds and memory of check, train and predict on up to 100,000 pictures",
        None,
        "25 minutes",
    ),
    Benchmark(
        "data_rows",
        "bench.data.rows",
        "how each step on the way of an index grows, up to a million rows",
        None,
        "40 minutes",
    ),
    Benchmark(
        "data_planted",
        "bench.data.planted",
        "which of the planted problems `cnnxfer check` finds",
        "the list of what was planted",
        "half a minute",
    ),
    Benchmark(
        "data_labels",
        "bench.data.labels",
        "which planted wrong labels are found, and accuracy without the suspects",
        "cleanlab's ranking; and training on the right labels",
        "12 minutes",
    ),
    Benchmark(
        "evaluation_calibration",
        "bench.evaluation.calibration",
        "log loss and calibration error on test images, with a temperature",
        "the network's own confidences",
        "5 minutes",
    ),
    Benchmark(
        "tasks_accuracy",
        "bench.tasks.accuracy",
        "boxes and masks: time and figures of both phases",
        None,
        "90 minutes",
    ),
    Benchmark(
        "tasks_skips",
        "bench.tasks.skips",
        "masks by how many maps of the backbone the head reads",
        "FCN-32s, which reads the last map alone",
        "10 minutes",
    ),
    Benchmark(
        "tasks_rivals",
        "bench.tasks.rivals",
        "boxes and masks beside other networks on the same backbone, in the same time",
        "KerasHub's RetinaNet and DeepLabV3+, and all layers learning in every step",
        "half an hour",
    ),
    Benchmark(
        "tasks_sliding",
        "bench.tasks.sliding",
        "boxes of a classifier that slides, which has never seen one",
        None,
        "3 minutes",
    ),
    Benchmark(
        "tasks_step",
        "bench.tasks.step",
        "milliseconds of the parts of a detector's training step",
        "a step of Keras in which all layers learn",
        "2 minutes",
    ),
    Benchmark(
        "tasks_engines",
        "bench.tasks.engines",
        "images a second of a detector, and how far its boxes are apart by engine",
        "Keras in float32",
        "5 minutes",
    ),
    Benchmark(
        "evaluation_explanations",
        "bench.evaluation.explanations",
        "the share of the heat of Grad-CAM and Score-CAM that lies in the flower",
        "a blob in the middle, and the same heat everywhere",
        "8 minutes",
    ),
)
