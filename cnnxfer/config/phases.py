"""How the two phases train."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cnnxfer.config.setting import setting
from cnnxfer.errors import ConfigError

OPTIMIZERS = ("sgd", "adamw", "adam", "lion", "rmsprop")
SCHEDULES = ("cosine", "constant", "one-cycle", "inverse-time", "step", "plateau")
BATCH_NORM = ("frozen", "train")
KEEP = ("best", "last")
AUTO = {"auto": 0}
TO_BE_CHOSEN = -1  # in place of a number, where 0 is one
# What fine-tuning takes with an optimizer where no rate is given.
USUAL_RATES = {
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
        epochs: number of passes over the training images.
        learning_rate: the highest learning rate; the schedule lowers it step by step.
            With `auto`, the phase finds it. On kept features, it is the rate for
            features that are scaled to a spread of 1.
        optimizer: `sgd` (with momentum), `adamw`, `adam`, `lion` or `rmsprop`.
        momentum: momentum of SGD.
        nesterov: whether SGD takes Nesterov's form of momentum.
        weight_decay: share of the weights that a step takes away, times the learning
            rate (decoupled weight decay), but not of biases, normalization and
            depthwise kernels; 0 for none.
        schedule: `cosine` to zero; `constant`; `one-cycle`: up, and down to almost
            zero; `inverse-time`, the textbook's learning_rate / (1 + decay * step);
            `step`: times `step_factor` every `step_epochs` epochs; `plateau`: times
            `step_factor` after `plateau_patience` epochs without a better one.
        decay: the decay of the schedule `inverse-time`, per step.
        step_epochs: number of epochs after which the schedule `step` lowers the rate.
        step_factor: factor by which the schedules `step` and `plateau` lower the rate.
        plateau_patience: number of epochs without a better one after which the
            schedule `plateau` lowers the rate.
        warmup_epochs: number of epochs over which the rate climbs to its highest.
        clip_norm: length to which longer gradients are cut, over all weights together;
            0 for no limit.
        label_smoothing: share of a label that is spread over all classes, where an
            image has one label.
        patience: number of epochs without a better one after which the phase ends; 0
            for no end before `epochs`.
        ema: share of the moving average of the weights that a step keeps, less at
            first; the average is what is scored and saved. 0 for no average.
        accumulate: number of parts of a batch that are computed one after the other,
            which takes less memory.
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
    """The frozen phase: `Phase`, of which two settings may be left to be chosen.

    Attributes:
        weight_decay: share of the weights that a step takes away, times the learning
            rate (decoupled weight decay). `auto` is what a head on kept features
            needs, and none with new views in every epoch.
        patience: number of epochs without a better one after which the phase ends.
            `auto` is 10 on kept features, and no end before `epochs` with new views
            in every epoch.
    """

    weight_decay: float = setting(
        float(TO_BE_CHOSEN), "--weight-decay", at_least=0, words={"auto": TO_BE_CHOSEN}
    )
    patience: int = setting(
        TO_BE_CHOSEN, "--patience", at_least=0, words={"auto": TO_BE_CHOSEN}
    )

    def chosen(self, *, weight_decay: float = 0.0, patience: int = 0) -> Frozen:
        """Returns the phase with these for what it leaves to be chosen.

        Without arguments, it is what new views in every epoch need.
        """
        return replace(
            self,
            weight_decay=weight_decay
            if self.weight_decay == TO_BE_CHOSEN
            else self.weight_decay,
            patience=patience if self.patience == TO_BE_CHOSEN else self.patience,
        )


@dataclass(frozen=True)
class FineTune(Phase):
    """The fine-tuning phase: `Phase` and what learns in it.

    Attributes:
        last: share of the backbone's weighted layers that learn, counted from the
            output: `100%` is all of it.
        start: the layer from which on all learn, by its position or the beginning of
            its name; "" to go by `last`.
        gradual: number of stages in which the layers begin to learn, those nearest to
            the output first.
        layer_decay: factor by which the rate falls from one group of layers to the one
            before it; 1 for the same rate everywhere.
        batch_norm: whether BatchNormalization keeps its statistics and scales
            (`frozen`) or learns (`train`).
        views: number of random views of each training image that are kept at the cut.
        keep: which model is kept: the `best` on validation, the one before fine-tuning
            among them, or the `last`.
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
        """`last` as a fraction in (0, 1].

        Raises:
            ConfigError: if it is no such share.
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
