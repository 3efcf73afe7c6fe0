"""What workers exchange in every update: gradients, and statistics of normalization.

TensorFlow's `MultiWorkerMirroredStrategy` connects the workers and carries their
collective operations, over gRPC or NCCL. Its own sum of gradients depends on the way
they take. Here they are added in the order of the workers, so that several workers
compute, to the bit, what one process computes with a batch in as many parts. That takes
no more than the usual sum: each worker gets its share of everybody's gradients, adds
them up, and hands the sum to all.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cnnxfer.training.workers.guard import ended_if_stuck
from cnnxfer.training.workers.workers import Workers

GROUP = 7_000  # a number that TensorFlow's own collective operations don't have
_operations = itertools.count(1)  # each has a number, the same for all workers


def connect(workers: Workers) -> Any:
    """Connects the workers' TensorFlow; returns the strategy, which has to be kept.

    Call this before TensorFlow computes anything in this process.

    Raises:
        RunError: if a worker is lost.
    """
    from tensorflow.python.eager import context

    workers.abort = lambda reason: context.context().abort_collective_ops(
        tf.errors.UNAVAILABLE, reason
    )
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:  # one worker a GPU
        tf.config.set_visible_devices(gpus[workers.local_rank % len(gpus)], "GPU")
    cluster = tf.train.ClusterSpec({"worker": list(workers.addresses)})
    workers.gathered("connecting")  # since nothing else happens while one waits
    with workers.in_tensorflow(), ended_if_stuck("the other workers can't be reached"):
        return tf.distribute.MultiWorkerMirroredStrategy(
            cluster_resolver=tf.distribute.cluster_resolver.SimpleClusterResolver(
                cluster, task_type="worker", task_id=workers.rank
            )
        )


class HeldGradients(keras.optimizers.Optimizer):
    """Stands in for an optimizer in a model, and holds the gradients of a batch.

    Attributes:
        optimizer: what will apply them when all workers have theirs.
        values: float32 `(count of weights,)`, one gradient after another.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        variables: Sequence[keras.Variable],
        workers: int,
    ) -> None:
        """Has room for the gradients of variables, to be shared among workers."""
        super().__init__(learning_rate=0.0)
        self.optimizer = optimizer
        self.built = True
        self.targets = list(variables)
        size = sum(int(np.prod(variable.shape)) for variable in variables)
        self.padding = -size % workers  # so that all shares are equal
        self.values = tf.Variable(tf.zeros(size + self.padding), trainable=False)

    def build(self, variables: list[keras.Variable]) -> None:
        """Does nothing; `optimizer` is built."""

    @property
    def variables(self) -> list[keras.Variable]:
        """Those of `optimizer`: the others hold nothing between two batches."""
        own: list[keras.Variable] = self.optimizer.variables
        return own

    def scale_loss(self, loss: Any) -> Any:
        """Scales a loss as `optimizer` does."""
        return self.optimizer.scale_loss(loss)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Takes the gradients of a batch."""
        given = {
            id(variable): gradient
            for variable, gradient in zip(
                trainable_variables or self.targets, grads, strict=True
            )
            if gradient is not None
        }
        self.targets = [target for target in self.targets if id(target) in given]
        flat = [
            tf.reshape(tf.convert_to_tensor(given[id(target)]), [-1])
            for target in self.targets
        ]
        values = tf.concat(flat, 0)
        rest = self.values.shape[0] - values.shape[0]
        self.values.assign(tf.pad(values, [[0, rest]]))

    def apply_held(self, values: tf.Tensor) -> None:
        """Has `optimizer` apply gradients that are laid out as those held."""
        shapes = [tuple(target.shape) for target in self.targets]
        sizes = [int(np.prod(shape)) for shape in shapes]
        rest = int(values.shape[0]) - sum(sizes)
        parts = tf.split(values, [*sizes, rest])[:-1]
        gradients = [
            tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)
        ]
        self.optimizer.apply(gradients, self.targets)


class Exchange:
    """Adds up what the workers hold, and applies it: an update of the weights.

    Attributes:
        bytes_per_update: how much a worker sends, and as much as it gets.
    """

    def __init__(
        self,
        workers: Workers,
        held: HeldGradients,
        norms: Sequence[keras.layers.BatchNormalization],
        parts: int,
    ) -> None:
        """Prepares updates of several parts, each worker having its share of them.

        Args:
            workers: those that take part.
            held: where each worker has the gradients of its part.
            norms: the layers of normalization whose statistics training moves.
            parts: how many parts a batch has, a multiple of the number of workers.
        """
        self._workers, self._held, self._parts = workers, held, parts
        self._moving = [
            (variable, norm.momentum)
            for norm in norms
            for variable in (norm.moving_mean, norm.moving_variance)
        ]
        self._before: list[Any] = []
        self._sum: tf.Tensor | None = None
        count = workers.count
        share = int(held.values.shape[0]) // count
        self._share = share
        statistics = sum(int(np.prod(v.shape)) for v, _ in self._moving)
        rounds = parts // count
        self.bytes_per_update = 4 * (
            share * (count - 1) * (rounds + 1) + statistics * (count - 1) * rounds
        )
        options = {"group_size": count, "group_key": GROUP, "ordering_token": []}
        numbers = [next(_operations) for _ in range(3)]

        @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]
        def add(total: tf.Tensor) -> tf.Tensor:
            shares = tf.raw_ops.CollectiveAllToAllV2(
                input=tf.reshape(held.values, [count, share]),
                instance_key=numbers[0],
                **options,
            )
            for part in tf.unstack(shares, count):
                total = total + part
            return total

        @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]
        def apply(total: tf.Tensor) -> None:
            mean = tf.raw_ops.CollectiveGatherV2(
                input=total / parts, instance_key=numbers[1], **options
            )
            held.apply_held(tf.ensure_shape(mean, [share * count]))

        @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]
        def move(before: list[tf.Tensor]) -> None:
            mine = tf.concat([tf.reshape(v, [-1]) for v, _ in self._moving], 0)
            rows = tf.raw_ops.CollectiveGatherV2(
                input=mine[None], instance_key=numbers[2], **options
            )
            sizes = [int(np.prod(v.shape)) for v, _ in self._moving]
            values = list(before)
            for row in tf.unstack(tf.ensure_shape(rows, [count, sum(sizes)])):
                steps = tf.split(row, sizes)
                values = [
                    value * momentum + tf.reshape(step, value.shape)
                    for value, step, (_, momentum) in zip(
                        values, steps, self._moving, strict=True
                    )
                ]
            for (variable, _), value in zip(self._moving, values, strict=True):
                variable.assign(value)

        self._add, self._apply, self._move = add, apply, move

    def begin_round(self) -> None:
        """Prepares for the parts that the workers compute side by side.

        A layer of normalization adds to its statistics, multiplied by its momentum,
        what it finds in a batch. From zero, that alone is left, to be added in order.
        """
        with self._workers.in_tensorflow():
            self._before = [tf.convert_to_tensor(v) for v, _ in self._moving]
            for variable, _ in self._moving:
                variable.assign(tf.zeros(variable.shape))

    def undo_round(self) -> None:
        """Gives the statistics back what they had at the beginning of the round."""
        for (variable, _), value in zip(self._moving, self._before, strict=True):
            variable.assign(value)

    def end_round(self) -> None:
        """Adds what the workers hold, in their order.

        Raises:
            RunError: if a worker is lost, or memory runs out.
        """
        with self._workers.in_tensorflow():
            if self._sum is None:
                self._sum = tf.zeros([self._share])
            self._sum = self._add(self._sum)
            if self._moving:
                self._move(self._before)

    def update(self) -> None:
        """Updates the weights with the mean of what was added.

        Raises:
            RunError: if a worker is lost, or memory runs out.
        """
        assert self._sum is not None
        with self._workers.in_tensorflow():
            self._apply(self._sum)
        self._sum = None
