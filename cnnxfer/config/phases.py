"""The settings of the training phases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from cnnxfer.config.setting import changed, setting
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option

_training = partial(setting, group="Training")
_layers = partial(setting, group="Layers")
# The learning rates of fine-tuning if an optimizer is chosen without a rate.
USUAL_LEARNING_RATES = {
    "sgd": 0.01,
    "adamw": 0.0005,
    "adam": 0.0005,
    "lion": 0.0001,
    "rmsprop": 0.0005,
}


@dataclass(frozen=True)
class Phase:
    """How one phase trains."""

    epochs: int = _training(
        10, "Passes over the training images.", "--epochs", at_least=1
    )
    learning_rate: float | Literal["auto"] = _training(
        "auto",
        "The highest learning rate, which the schedule lowers step by step. On cached "
        "features, it applies to features that are scaled to a "
        "standard deviation of 1.",
        "--lr",
        meanings={"auto": "searched for"},
        above=0,
    )
    optimizer: Literal["sgd", "adamw", "adam", "lion", "rmsprop"] = _training(
        "adamw", "What updates the weights.", "--optimizer"
    )
    momentum: float = setting(0.9, "The momentum of `sgd`.", at_least=0, at_most=1)
    nesterov: bool = setting(False, "Whether `sgd` uses Nesterov momentum.")
    weight_decay: float = _training(
        0.0,
        "Decoupled weight decay; not of norms, biases and depthwise kernels. It is "
        "multiplied by the learning rate in each update.",
        "--weight-decay",
        meanings={"auto": "the usual one of a head"},
        at_least=0,
    )
    schedule: Literal[
        "cosine", "constant", "one-cycle", "inverse-time", "step", "plateau"
    ] = _training(
        "cosine",
        "How the learning rate falls. `cosine` falls to zero; `constant` stays; "
        "`one-cycle` rises, and falls to almost zero; `inverse-time` is the textbook's "
        "learning_rate / (1 + decay * step); `step` multiplies the rate by "
        "`step_factor` every `step_epochs` epochs; `plateau` does so after "
        "`plateau_patience` epochs without improvement.",
        "--schedule",
    )
    decay: float = setting(0.01, "The decay of `inverse-time`, per update.", at_least=0)
    step_epochs: int = setting(
        3, "Epochs between two reductions by `step`.", at_least=1
    )
    step_factor: float = setting(
        0.1, "What `step` and `plateau` multiply the rate by.", above=0, at_most=1
    )
    plateau_patience: int = setting(
        2, "Epochs without improvement before `plateau` reduces the rate.", at_least=1
    )
    warmup_epochs: float = _training(
        0.0, "Epochs in which the learning rate rises.", "--warmup", at_least=0
    )
    clip_norm: float | Literal["none"] = _training(
        "none",
        "The largest norm of the gradient of all weights together.",
        "--clip-norm",
        meanings={"none": "no limit"},
        above=0,
    )
    label_smoothing: float = _training(
        0.0,
        "Fraction of a label that is spread over all classes. Only if each image has "
        "one label.",
        "--label-smoothing",
        at_least=0,
        at_most=0.9,
    )
    patience: int | Literal["none"] = _training(
        "none",
        "Stop after this many epochs without improvement.",
        "--patience",
        meanings={
            "none": "never stops early",
            "auto": "10 on cached features, or never",
        },
        at_least=1,
    )
    ema: float | Literal["none"] = _training(
        "none",
        "Save an average of the weights with this decay, such as 0.99. The decay is "
        "lower at first.",
        "--ema",
        meanings={"none": "the weights themselves"},
        above=0,
        at_most=0.9999,
    )
    accumulate: int = _training(
        1,
        "Compute each batch in this many parts, to save memory. BatchNormalization "
        "that learns then has the statistics of one part, not of the batch.",
        "--accumulate",
        at_least=1,
        at_most=1024,
    )

    @property
    def keep(self) -> Literal["best", "last"]:
        """Which model is saved; in some phases a setting."""
        return "best"


@dataclass(frozen=True)
class Frozen(Phase):
    """The settings of the frozen phase; two of those of `Phase` have an `auto`."""

    weight_decay: float | Literal["auto"] = changed(  # type: ignore[assignment]
        Phase,
        "weight_decay",
        "auto",
        "`auto` is the usual weight decay of a head on cached features, and none if "
        "every epoch has new views.",
    )
    patience: int | Literal["none", "auto"] = changed(  # type: ignore[assignment]
        Phase,
        "patience",
        "auto",
        "`auto` is 10 epochs on cached features, and never stops early if every epoch "
        "has new views.",
    )

    def resolved(
        self, *, weight_decay: float = 0.0, patience: int | Literal["none"] = "none"
    ) -> Phase:
        """Returns the phase with what the two `auto` stand for.

        Args:
            weight_decay: by default that of new views in every epoch.
            patience: likewise.
        """
        usual: dict[str, Any] = {"weight_decay": weight_decay, "patience": patience}
        return replace(
            self, **{key: usual[key] for key in usual if getattr(self, key) == "auto"}
        )


@dataclass(frozen=True)
class Scratch(Phase):
    """The settings of the phase in which a whole network learns from random weights."""

    epochs: int = changed(Phase, "epochs", 30)
    weight_decay: float = changed(Phase, "weight_decay", 0.02)
    warmup_epochs: float = changed(Phase, "warmup_epochs", 1.0)
    clip_norm: float | Literal["none"] = changed(Phase, "clip_norm", 1.0)
    label_smoothing: float = changed(Phase, "label_smoothing", 0.1)
    init: str | Literal["none"] = setting(
        "none",
        "With --from-scratch, a run whose layers of the same name and shape are taken "
        "over. So a deep network can begin with the first and last layers of a shallow "
        "one (Simonyan and Zisserman, 2015, section 3.1, "
        "https://arxiv.org/abs/1409.1556).",
        "--init",
        meanings={"none": "all begin at random"},
        group="Network",
        is_path=True,
    )


@dataclass(frozen=True)
class FineTune(Phase):
    """The settings of fine-tuning: those of `Phase`, and which layers learn."""

    epochs: int = changed(Phase, "epochs", 8)
    learning_rate: float | Literal["auto"] = changed(Phase, "learning_rate", 0.0005)
    nesterov: bool = changed(Phase, "nesterov", True)
    weight_decay: float = changed(Phase, "weight_decay", 0.02)
    warmup_epochs: float = changed(Phase, "warmup_epochs", 0.5)
    clip_norm: float | Literal["none"] = changed(Phase, "clip_norm", 1.0)
    label_smoothing: float = changed(Phase, "label_smoothing", 0.1)
    last: str = _layers(
        "33%",
        "Percentage of the backbone's layers with weights that learn. They are counted "
        "from the output; `100%` is the whole backbone.",
        "--last",
    )
    start: str | Literal["none"] = _layers(
        "none",
        "The first layer that learns: its position, or the beginning of its name, as "
        "in `cnnxfer backbones show NAME --layers`. All layers after it learn, too. "
        "`none` leaves the choice to `last`.",
        "--from",
        meanings={"none": "the share of --last"},
    )
    gradual: int = _layers(
        1,
        "Stages in which the layers start to learn, from the output on.",
        "--gradual",
        at_least=1,
    )
    layer_decay: float = _layers(
        1.0,
        "Factor by which the rate falls from one group of layers to the group before.",
        "--layer-decay",
        above=0,
        at_most=1,
    )
    batch_norm: Literal["frozen", "train"] = _layers(
        "frozen", "Whether BatchNormalization is trained.", "--bn"
    )
    views: int = _training(
        4,
        "Random views of each training image, cached at the cut.",
        "--views",
        at_least=1,
        at_most=64,
    )
    keep: Literal["best", "last"] = _layers(
        "best",
        "The model that is saved: the best on validation, or the last. The best one "
        "may be the one before fine-tuning.",
        "--keep",
    )

    @property
    def fraction(self) -> float:
        """The setting `last` as a fraction in (0, 1].

        Raises:
            ConfigError: if `last` is not a percentage in that range.
        """
        try:
            fraction = float(self.last.removesuffix("%")) / 100
        except ValueError:
            fraction = 0.0
        if not self.last.endswith("%") or not 0 < fraction <= 1:
            raise ConfigError(
                f"{option('--last')} is {self.last!r}; expected a share of the "
                "backbone such as 30%, above 0% and at most 100%."
            )
        return fraction
