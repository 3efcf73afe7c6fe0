"""The settings of the two training phases."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cnnxfer.config.setting import setting
from cnnxfer.errors import ConfigError

OPTIMIZERS = ("sgd", "adamw", "adam", "lion", "rmsprop")
SCHEDULES = ("cosine", "constant", "one-cycle", "inverse-time", "step", "plateau")
BATCH_NORM = ("frozen", "train")
KEEP = ("best", "last")
AUTO = {"auto": 0}
AUTOMATIC = -1  # stands for `auto` in settings for which 0 has another meaning
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
    """How one phase trains.

    Attributes:
        epochs: passes over the training images.
        learning_rate: the highest learning rate, which the schedule lowers step by
            step. 0, or `auto`, searches for it. On cached features, it applies to
            features that are scaled to a standard deviation of 1.
        optimizer: `sgd` (with momentum), `adamw`, `adam`, `lion` or `rmsprop`.
        momentum: the momentum of `sgd`.
        nesterov: whether `sgd` uses Nesterov momentum.
        weight_decay: the decoupled weight decay per update, which is multiplied by
            the learning rate. Biases, normalization layers and depthwise kernels have
            none. 0 for no weight decay.
        schedule: `cosine` falls to zero; `constant` stays; `one-cycle` rises, and
            falls to almost zero; `inverse-time` is the textbook's
            learning_rate / (1 + decay * step); `step` multiplies the rate by
            `step_factor` every `step_epochs` epochs; `plateau` does so after
            `plateau_patience` epochs without improvement.
        decay: the decay of `inverse-time`, per update.
        step_epochs: the number of epochs between two reductions by `step`.
        step_factor: the factor by which `step` and `plateau` multiply the rate.
        plateau_patience: epochs without improvement before `plateau` reduces the rate.
        warmup_epochs: epochs in which the learning rate rises to its highest value.
        clip_norm: the largest norm of the gradient of all weights together; 0 for no
            limit.
        label_smoothing: the fraction of a label that is spread over all classes, if
            each image has one label.
        patience: epochs without improvement after which the phase ends; 0 to never
            end early.
        ema: the decay of an exponential moving average of the weights, which is lower
            at first; the average is what is evaluated and saved. 0 for no average.
        accumulate: the number of parts of a batch that are computed one after the
            other, which needs less memory.
    """

    epochs: int = setting(10, "--epochs", at_least=1)
    learning_rate: float = setting(0.0, "--lr", at_least=0, words=AUTO)
    optimizer: str = setting("adamw", "--optimizer", choices=OPTIMIZERS)
    momentum: float = setting(0.9, at_least=0, at_most=1)
    nesterov: bool = setting(False)
    weight_decay: float = setting(0.0, "--weight-decay", at_least=0)
    schedule: str = setting("cosine", "--schedule", choices=SCHEDULES)
    decay: float = setting(0.01, at_least=0)
    step_epochs: int = setting(3, at_least=1)
    step_factor: float = setting(0.1, above=0, at_most=1)
    plateau_patience: int = setting(2, at_least=1)
    warmup_epochs: float = setting(0.0, "--warmup", at_least=0)
    clip_norm: float = setting(0.0, "--clip-norm", at_least=0)
    label_smoothing: float = setting(0.0, "--label-smoothing", at_least=0, at_most=0.9)
    patience: int = setting(0, "--patience", at_least=0)
    ema: float = setting(0.0, "--ema", at_least=0, at_most=0.9999)
    accumulate: int = setting(1, "--accumulate", at_least=1, at_most=1024)


@dataclass(frozen=True)
class Frozen(Phase):
    """The settings of the frozen phase: those of `Phase`, two of which have an `auto`.

    Attributes:
        weight_decay: as in `Phase`. -1, or `auto`, is the usual weight decay of a head
            on cached features, and none if every epoch has new views.
        patience: as in `Phase`. -1, or `auto`, is 10 epochs on cached features, and
            never ends early if every epoch has new views.
    """

    weight_decay: float = setting(
        float(AUTOMATIC), "--weight-decay", at_least=0, words={"auto": AUTOMATIC}
    )
    patience: int = setting(
        AUTOMATIC, "--patience", at_least=0, words={"auto": AUTOMATIC}
    )

    def resolved(self, *, weight_decay: float = 0.0, patience: int = 0) -> Frozen:
        """Returns the phase with numbers in place of `auto`.

        Args:
            weight_decay: the weight decay that `auto` stands for; by default that of
                new views in every epoch.
            patience: the patience that `auto` stands for, in epochs; likewise.
        """
        return replace(
            self,
            weight_decay=weight_decay
            if self.weight_decay == AUTOMATIC
            else self.weight_decay,
            patience=patience if self.patience == AUTOMATIC else self.patience,
        )


@dataclass(frozen=True)
class FineTune(Phase):
    """The settings of the fine-tuning phase: those of `Phase`, and which layers learn.

    Attributes:
        last: the percentage of the backbone's layers with weights that learn, counted
            from the output; `100%` is the whole backbone.
        start: the first layer that learns, by its position or the beginning of its
            name; all layers after it learn, too. "" to use `last`.
        gradual: the number of stages in which the layers start to learn, those nearest
            to the output first.
        layer_decay: the factor by which the learning rate falls from one group of
            layers to the group before it; 1 for the same rate everywhere.
        batch_norm: `frozen` keeps the statistics and scales of BatchNormalization;
            `train` trains them.
        views: how many random views of each training image are cached at the cut.
        keep: which model is saved: the `best` on validation, which may be the one
            before fine-tuning, or the `last`.
    """

    epochs: int = setting(8, "--epochs", at_least=1)
    learning_rate: float = setting(0.0005, "--lr", at_least=0, words=AUTO)
    optimizer: str = setting("adamw", "--optimizer", choices=OPTIMIZERS)
    nesterov: bool = setting(True)
    weight_decay: float = setting(0.02, "--weight-decay", at_least=0)
    warmup_epochs: float = setting(0.5, "--warmup", at_least=0)
    clip_norm: float = setting(1.0, "--clip-norm", at_least=0)
    label_smoothing: float = setting(0.1, "--label-smoothing", at_least=0, at_most=0.9)
    last: str = setting("33%", "--last")
    start: str = setting("", "--from")
    gradual: int = setting(1, "--gradual", at_least=1)
    layer_decay: float = setting(1.0, "--layer-decay", above=0, at_most=1)
    batch_norm: str = setting("frozen", "--bn", choices=BATCH_NORM)
    views: int = setting(4, "--views", at_least=1, at_most=64)
    keep: str = setting("best", "--keep", choices=KEEP)

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
                f"--last is {self.last!r}; expected a share of the backbone such as "
                "30%, above 0% and at most 100%."
            )
        return fraction
