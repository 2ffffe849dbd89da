"""A network while it learns: one step, the average of its weights, and all of its state for a checkpoint."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from train import rounding
from train.data.mnist import Bytes
from train.network import build
from train.recipes import Recipe

AVERAGE_START = 10  # steps: the average forgets faster at first, or the random start would stay in it
LEAST_RATE = 1e-5  # learning rate that a warm-up begins with


class Learner:
    """Trains one recipe's network, an epoch at a time.

    recipe: what to train. precision: of the products, float32 or bfloat16.
    steps: of one epoch. epochs: of the whole training, for the schedule of the learning rate.
    """

    def __init__(self, recipe: Recipe, precision: str, steps: int, epochs: int) -> None:
        self._recipe = recipe
        self.done = 0.0  # of the epoch, 0 to 1
        # A softmax is left to the loss, which is exact where a probability is nearly 0 or 1.
        self._softmax = recipe.layers[-1].activation == "softmax"
        self.network = build(recipe, precision, logits=self._softmax)
        self._optimizer = optimizer(recipe, steps, epochs)
        variables = self.network.trainable_variables
        self._optimizer.build(variables)
        self._averages = [tf.Variable(variable.value) for variable in variables] if recipe.average else []
        self._kernels = rounding.kernels(self.network) if recipe.weight_bits else []
        rounded_epochs = epochs if recipe.rounded_epochs is None else recipe.rounded_epochs
        self._rounded_from = (epochs - rounded_epochs) * steps if recipe.weight_bits else None
        self._compiled = tf.function(self._step, reduce_retracing=True)

    def epoch(
        self, images: Bytes, labels: Bytes, soft: NDArray[np.float32] | None, order: NDArray[np.intp]
    ) -> tuple[float, float]:
        """Learn from every digit once, in batches along `order`; returns the mean loss and the share read right.

        images: uint8 (N, 28, 28); labels: uint8 (N,); soft: float32 (N, outputs), the teachers' logits, or None.
        Of lines: uint8 (N, 32, width) and int8 (N, most digits), -1 behind the last one; their share right is 0.
        """
        loss, right = 0.0, 0
        for start in range(0, len(order), self._recipe.batch):
            part = order[start : start + self._recipe.batch]
            taught = () if soft is None else (tf.constant(soft[part]),)
            batch_loss, batch_right = self._compiled(tf.constant(images[part]), tf.constant(labels[part]), *taught)
            loss += float(batch_loss) * len(part)
            right += int(batch_right)
            self.done = (start + len(part)) / len(order)
        return loss / len(order), right / len(order)

    def publish(self, plain: keras.Model) -> None:
        """Put the present weights into a float32 network of the same recipe: averaged, and rounded if they are."""
        plain.set_weights(self.network.get_weights())
        for variable, average in zip(plain.trainable_variables, self._averages, strict=bool(self._averages)):
            variable.assign(average)
        if self._rounds():
            for kernel, axes in rounding.kernels(plain):
                kernel.assign(rounding.rounded(kernel.value, self._recipe.weight_bits, axes))

    def state(self) -> list[NDArray[Any]]:
        """Return everything that the next step depends on, as arrays."""
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in self._variables()]

    def restore(self, state: list[NDArray[Any]]) -> None:
        """Take up what `state` returned; raises ValueError where it is of another network."""
        variables = self._variables()
        if [tuple(variable.shape) for variable in variables] != [array.shape for array in state]:
            raise ValueError("it holds other variables")
        for variable, array in zip(variables, state, strict=True):
            variable.assign(array)

    def _variables(self) -> list[Any]:
        # The seeds of dropout are among the network's variables.
        return [*self.network.variables, *self._optimizer.variables, *self._averages]

    def _rounds(self) -> bool:
        return self._rounded_from is not None and int(self._optimizer.iterations) >= self._rounded_from

    def _step(self, images: tf.Tensor, labels: tf.Tensor, soft: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        exact = [tf.identity(kernel.value) for kernel, _ in self._kernels]
        if self._kernels:
            now = self._optimizer.iterations >= self._rounded_from
            for (kernel, axes), value in zip(self._kernels, exact, strict=True):
                kernel.assign(tf.where(now, rounding.rounded(value, self._recipe.weight_bits, axes), value))
        with tf.GradientTape() as tape:
            outputs = self.network(tf.cast(images, tf.float32), training=True)
            loss = self._loss(labels, outputs, soft)
        gradients = tape.gradient(loss, self.network.trainable_variables)
        # The gradient at the rounded weights moves the exact ones: small steps add up until one crosses to the next.
        for (kernel, _), value in zip(self._kernels, exact, strict=True):
            kernel.assign(value)
        self._optimizer.apply(gradients, self.network.trainable_variables)
        self._average()
        if self._recipe.reads_lines:  # what a line says takes longer to find out than it is worth
            return loss, tf.constant(0)
        right = tf.equal(tf.argmax(outputs, 1, tf.int32), tf.cast(labels, tf.int32))
        return loss, tf.reduce_sum(tf.cast(right, tf.int32))

    def _average(self) -> None:
        if self._averages:
            step = tf.cast(self._optimizer.iterations, tf.float32)
            memory = tf.minimum(self._recipe.average, (1 + step) / (AVERAGE_START + step))
            for average, variable in zip(self._averages, self.network.trainable_variables, strict=True):
                average.assign(memory * average + (1 - memory) * variable.value)

    def _loss(self, labels: tf.Tensor, outputs: tf.Tensor, soft: tf.Tensor | None) -> tf.Tensor:
        recipe = self._recipe
        if recipe.reads_lines:
            return _ctc(labels, outputs)
        if not self._softmax:
            targets = labels if recipe.loss.startswith("sparse") else tf.one_hot(labels, recipe.classes)
            return tf.reduce_mean(keras.losses.get(recipe.loss)(targets, outputs))
        smoothing = recipe.label_smoothing
        targets = tf.one_hot(labels, recipe.classes) * (1 - smoothing) + smoothing / recipe.classes
        hard = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, outputs))
        if soft is None or recipe.distil is None:
            return hard
        heat = recipe.distil.temperature
        taught = tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(soft / heat), outputs / heat)
        # Gradients of heated logits are smaller by the square of the heat.
        return recipe.distil.share * heat**2 * tf.reduce_mean(taught) + (1 - recipe.distil.share) * hard


def _ctc(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """The mean over lines of -log probability of what they say, however its digits lie along the columns.

    After A. Graves and others: "Connectionist temporal classification", ICML 2006.
    """
    lengths = tf.reduce_sum(tf.cast(labels >= 0, tf.int32), 1)
    columns = tf.fill(tf.shape(outputs)[:1], tf.shape(outputs)[1])
    digits = tf.cast(tf.maximum(labels, 0), tf.int32)
    return tf.reduce_mean(
        tf.nn.ctc_loss(digits, outputs, lengths, columns, logits_time_major=False, blank_index=outputs.shape[-1] - 1)
    )


def optimizer(recipe: Recipe, steps: int, epochs: int) -> keras.optimizers.Optimizer:
    """Return a recipe's optimizer; steps: of one epoch; epochs: until the learning rate has decayed to 0."""
    settings: dict[str, Any] = {
        "weight_decay": recipe.weight_decay,
        "beta_2": recipe.beta_2,
        "clipnorm": recipe.clip_norm,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    if recipe.learning_rate is not None:
        # A run that is cut short to less than its warm-up still decays.
        warmup = min(recipe.warmup, epochs // 2) * steps
        rising = {"warmup_target": recipe.learning_rate, "warmup_steps": warmup} if warmup else {}
        settings["learning_rate"] = keras.optimizers.schedules.CosineDecay(
            LEAST_RATE if warmup else recipe.learning_rate, epochs * steps - warmup, **rising
        )
    made = keras.optimizers.get({"class_name": recipe.optimizer, "config": settings})
    if recipe.weight_decay is not None:
        made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made
