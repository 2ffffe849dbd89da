"""A network in training: one step, the running average of its weights, and its full state for a checkpoint."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from train.data.mnist import Bytes
from train.losses import Loss
from train.network import build
from train.recipes import Recipe

AVERAGE_START = 10  # steps: the average forgets faster at first, or the random start would stay in it
LEAST_RATE = 1e-5  # learning rate that a warm-up begins with


class Learner:
    """Trains one recipe's network, an epoch at a time.

    recipe: what to train. loss: of a batch. precision: of the products, float32 or bfloat16.
    steps: of one epoch. epochs: of the whole training, for the schedule of the learning rate.
    """

    def __init__(self, recipe: Recipe, loss: Loss, precision: str, steps: int, epochs: int) -> None:
        self._recipe = recipe
        self._loss = loss
        self.done = 0.0  # of the epoch, 0 to 1
        # The loss takes logits instead of a softmax: exact where a probability is nearly 0 or 1.
        self.network = build(recipe, precision, logits=recipe.softmax)
        self._optimizer = make_optimizer(recipe, steps, epochs)
        variables = self.network.trainable_variables
        self._optimizer.build(variables)
        self._averages = [tf.Variable(variable.value) for variable in variables] if recipe.average else []
        self._compiled = tf.function(self._step, reduce_retracing=True)

    def epoch(
        self, images: Bytes, labels: NDArray[np.integer], soft: NDArray[np.float32] | None, order: NDArray[np.intp]
    ) -> tuple[float, float]:
        """Train on every image once, in batches along `order`; returns the mean loss and the accuracy, 0 to 1.

        images: uint8 (N, height, width). labels: (N,), or (N, most digits) of lines, -1 after the last digit.
        soft: float32 (N, classes), the teachers' logits, or None. The accuracy of lines is not measured: it is 0.
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
        """Copy the present weights, averaged where the recipe asks for it, into a float32 network of the recipe."""
        plain.set_weights(self.network.get_weights())
        for variable, average in zip(plain.trainable_variables, self._averages, strict=bool(self._averages)):
            variable.assign(average)

    def begin_with(self, network: keras.Model) -> None:
        """Begin with the weights of a trained network; raises ValueError for another network."""
        self.network.set_weights(network.get_weights())
        for average, variable in zip(self._averages, self.network.trainable_variables, strict=bool(self._averages)):
            average.assign(variable.value)

    def state(self) -> list[NDArray[Any]]:
        """Return everything that the next step depends on, as arrays."""
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in self._variables()]

    def restore(self, state: list[NDArray[Any]]) -> None:
        """Restore what `state` returned; raises ValueError for the state of another network."""
        variables = self._variables()
        if [tuple(variable.shape) for variable in variables] != [array.shape for array in state]:
            raise ValueError("it holds other variables")
        for variable, array in zip(variables, state, strict=True):
            variable.assign(array)

    def _variables(self) -> list[Any]:
        # The seeds of dropout are among the network's variables.
        return [*self.network.variables, *self._optimizer.variables, *self._averages]

    def _step(self, images: tf.Tensor, labels: tf.Tensor, soft: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            outputs = self.network(tf.cast(images, tf.float32), training=True)
            loss = self._loss(labels, outputs, soft)
        gradients = tape.gradient(loss, self.network.trainable_variables)
        self._optimizer.apply(gradients, self.network.trainable_variables)
        self._update_averages()
        if len(outputs.shape) > 2:  # decoding lines would take longer than it is worth
            return loss, tf.constant(0)
        right = tf.equal(tf.argmax(outputs, 1, tf.int32), tf.cast(labels, tf.int32))
        return loss, tf.reduce_sum(tf.cast(right, tf.int32))

    def _update_averages(self) -> None:
        if self._averages:
            step = tf.cast(self._optimizer.iterations, tf.float32)
            memory = tf.minimum(self._recipe.average, (1 + step) / (AVERAGE_START + step))
            for average, variable in zip(self._averages, self.network.trainable_variables, strict=True):
                average.assign(memory * average + (1 - memory) * variable.value)


def make_optimizer(recipe: Recipe, steps: int, epochs: int) -> keras.optimizers.Optimizer:
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
