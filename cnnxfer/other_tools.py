"""What people type who come from other tools, and what it is called here.

None of it works as another name: a message says the right word, which is then known.
"""

from __future__ import annotations

# Commands; what follows the word that was typed is kept.
COMMANDS = {
    **dict.fromkeys(("fit", "learn", "start", "transfer"), "train"),
    **dict.fromkeys(("finetune", "fine-tune", "fine_tune", "tune"), "unfreeze"),
    **dict.fromkeys(("continue", "restart"), "resume"),
    **dict.fromkeys(
        ("val", "validate", "validation", "test", "eval", "score", "accuracy"),
        "evaluate",
    ),
    **dict.fromkeys(("metrics", "benchmark"), "evaluate"),
    **dict.fromkeys(
        ("infer", "inference", "classify", "detect", "segment", "recognize", "label"),
        "predict",
    ),
    **dict.fromkeys(("tag", "sort", "detection", "classification"), "predict"),
    **dict.fromkeys(
        ("gradcam", "grad-cam", "cam", "heatmap", "saliency", "interpret"), "explain"
    ),
    **dict.fromkeys(("convert", "save", "export-model"), "export"),
    "onnx": "export --format onnx",
    **dict.fromkeys(("tflite", "litert"), "export --format litert"),
    **dict.fromkeys(("lint", "inspect", "analyze", "analyse", "clean-data"), "check"),
    **dict.fromkeys(("augment", "show-batch", "show_batch", "visualize"), "preview"),
    **dict.fromkeys(("rank", "select", "search", "automl", "sweep"), "compare"),
    **dict.fromkeys(("models", "networks", "zoo", "architectures"), "backbones"),
    **dict.fromkeys(("ls", "list", "history", "experiments", "log", "logs"), "runs"),
    **dict.fromkeys(("download", "pull", "fetch"), "weights pull"),
    **dict.fromkeys(("clear", "clean", "prune", "purge"), "cache clear"),
    **dict.fromkeys(("env", "info", "checks", "diagnose", "device"), "doctor"),
    **dict.fromkeys(("plot", "curves"), "runs plot"),
    **{name: f"runs {name}" for name in ("diff", "show", "rename", "rm")},
    "version": "--version",
    "summary": "report",
}
# The same below the groups of commands.
BELOW = {
    "runs": {
        **dict.fromkeys(("delete", "remove", "del", "clear"), "rm"),
        **dict.fromkeys(("mv", "move"), "rename"),
        **dict.fromkeys(("info", "view", "open", "describe"), "show"),
        **dict.fromkeys(("compare", "vs"), "diff"),
        **dict.fromkeys(("curves", "graph", "draw"), "plot"),
        "ls": "list",
    },
    "backbones": {
        **dict.fromkeys(("info", "view", "describe", "summary"), "show"),
        "ls": "list",
    },
    "weights": {
        **dict.fromkeys(("download", "get", "fetch"), "pull"),
        **dict.fromkeys(("where", "find", "locate"), "path"),
        "check": "verify",
        "ls": "list",
    },
    "cache": {
        **dict.fromkeys(("empty", "clean", "rm", "delete", "prune"), "clear"),
        **dict.fromkeys(("ls", "list", "info", "size"), "show"),
    },
}
# Options without their hyphens: the first of these that the command has is meant.
OPTIONS = {
    **dict.fromkeys(
        ("model", "arch", "architecture", "network", "net", "encoder", "base-model"),
        ("backbone", "model"),
    ),
    **dict.fromkeys(("backbone", "run", "checkpoint", "ckpt"), ("model",)),
    "m": ("backbone", "model"),
    "b": ("backbone", "model"),
    **dict.fromkeys(("weights", "model-path", "load"), ("weights", "model")),
    **dict.fromkeys(
        ("learning-rate", "lr0", "lrate", "eta", "base-lr", "max-lr", "l"), ("lr",)
    ),
    **dict.fromkeys(("batch-size", "bs", "batchsize", "batch-sz"), ("batch",)),
    **dict.fromkeys(
        (
            *("imgsz", "img-size", "imsize", "input-size", "size", "resolution"),
            *("target-size", "img", "image-shape"),
        ),
        ("image-size",),
    ),
    **dict.fromkeys(
        ("num-epochs", "n-epochs", "max-epochs", "epoch", "e", "n-epoch"), ("epochs",)
    ),
    **dict.fromkeys(
        (
            *("dataset", "data-dir", "data-path", "dataset-path", "train-dir"),
            *("train-data", "folder", "dir", "images", "root", "s3"),
        ),
        ("data",),
    ),
    **dict.fromkeys(("optim", "opt"), ("optimizer",)),
    **dict.fromkeys(("wd", "decay", "l2"), ("weight-decay",)),
    **dict.fromkeys(("scheduler", "lr-scheduler", "sched"), ("schedule",)),
    **dict.fromkeys(("warmup-epochs", "warmup-steps"), ("warmup",)),
    **dict.fromkeys(("early-stopping", "early-stop"), ("patience",)),
    **dict.fromkeys(("clip-grad", "gradient-clip", "grad-clip"), ("clip-norm",)),
    **dict.fromkeys(
        ("grad-accum", "gradient-accumulation-steps", "accum"), ("accumulate",)
    ),
    **dict.fromkeys(("smoothing",), ("label-smoothing",)),
    **dict.fromkeys(("aug", "augmentation", "augmentations", "aa"), ("augment",)),
    **dict.fromkeys(
        ("val-split", "validation-split", "test-size", "valid-pct", "test-split"),
        ("split",),
    ),
    **dict.fromkeys(("random-state", "random-seed", "rng"), ("seed",)),
    **dict.fromkeys(("device", "gpu", "gpus", "cuda", "accelerator"), ("devices",)),
    **dict.fromkeys(
        ("amp", "fp16", "half", "mixed-precision", "dtype", "bf16"), ("precision",)
    ),
    **dict.fromkeys(("max-samples", "subset", "max-images", "fraction"), ("limit",)),
    **dict.fromkeys(("class-weight", "balanced"), ("class-weights",)),
    **dict.fromkeys(("criterion", "loss-function", "loss-fn"), ("loss",)),
    **dict.fromkeys(("metric",), ("monitor",)),
    **dict.fromkeys(
        ("project", "output-dir", "save-dir", "log-dir", "logdir", "work-dir"),
        ("runs-dir", "out"),
    ),
    **dict.fromkeys(("output", "o", "out-file", "save", "csv", "dest"), ("out",)),
    **dict.fromkeys(
        ("conf", "confidence", "conf-thres", "score-threshold", "min-score"),
        ("min-confidence",),
    ),
    **dict.fromkeys(("topk", "top-k", "k", "n-best"), ("top",)),
    **dict.fromkeys(("unfreeze-layers", "layers", "num-layers"), ("last",)),
    **dict.fromkeys(("unfreeze", "finetune", "finetuning", "tune"), ("fine-tune",)),
    **dict.fromkeys(("max-time", "timeout", "time", "time-limit"), ("time-budget",)),
    **dict.fromkeys(("cfg", "conf-file", "settings", "c"), ("config",)),
    **dict.fromkeys(("silent",), ("quiet",)),
    **dict.fromkeys(("debug", "log-level"), ("verbose",)),
    **dict.fromkeys(("visualize", "draw", "show"), ("drawn", "sheet")),
    **dict.fromkeys(("html",), ("sheet", "out")),
    **dict.fromkeys(("classes", "class-names", "names"), ("class",)),
    **dict.fromkeys(("gradcam", "cam", "saliency"), ("heatmap",)),
    **dict.fromkeys(("tb", "logger"), ("tensorboard",)),
}
# Words for what a command works on, by what its help calls that.
_RUNS = ("model", "weights", "run", "checkpoint", "ckpt", "model-path", "load", "m")
ARGUMENTS = {
    "RUN": _RUNS,
    "MODEL": _RUNS,
    "INPUT": (
        *("source", "input", "inputs", "image", "images", "img", "img-path", "path"),
        *("file", "files", "folder", "dir", "data", "dataset", "i", "d"),
    ),
}
# Options that nothing here corresponds to, and why none is needed; see `spelled`.
NOT_NEEDED = {
    **dict.fromkeys(
        ("workers", "num-workers", "n-jobs", "jobs", "j", "threads"),
        "As many processes read images as help.",
    ),
    **dict.fromkeys(
        ("num-classes", "n-classes", "nc", "classes", "class-names", "names"),
        "The classes are those of the data.",
    ),
    "pretrained": "A backbone has the weights of ImageNet, unless you say "
    "{--weights none}.",
    **dict.fromkeys(
        ("freeze-backbone", "freeze-base", "feature-extract"),
        "The backbone is frozen while train runs; unfreeze lets it learn.",
    ),
    **dict.fromkeys(
        ("install-completion", "show-completion"),
        "Completion is set up by: cnnxfer completion",
    ),
}
