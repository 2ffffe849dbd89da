"""The losses that networks are trained on."""

from collections.abc import Callable

import keras
import tensorflow as tf

from train.recipes import Recipe

# labels, outputs of the network and logits of the teachers or None, to the mean loss of the batch
Loss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor | None], tf.Tensor]


def digit_loss(recipe: Recipe) -> Loss:
    """Return the loss of a network that reads one digit, with the teachers' part where the recipe has one.

    Labels: (N,). Outputs: (N, classes), logits where the network ends in a softmax. Teachers' logits: (N, classes).
    """
    if recipe.softmax:
        return _softmax_loss(recipe)
    keras_loss = keras.losses.get(recipe.loss)
    sparse = recipe.loss.startswith("sparse")

    def loss(labels: tf.Tensor, outputs: tf.Tensor, soft: tf.Tensor | None) -> tf.Tensor:
        return tf.reduce_mean(keras_loss(labels if sparse else tf.one_hot(labels, recipe.classes), outputs))

    return loss


def _softmax_loss(recipe: Recipe) -> Loss:
    smoothing, distil = recipe.label_smoothing, recipe.distil

    def loss(labels: tf.Tensor, outputs: tf.Tensor, soft: tf.Tensor | None) -> tf.Tensor:
        targets = tf.one_hot(labels, recipe.classes) * (1 - smoothing) + smoothing / recipe.classes
        hard = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, outputs))
        if soft is None or distil is None:
            return hard
        heat = distil.temperature
        taught = tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(soft / heat), outputs / heat)
        # Dividing the logits by the temperature makes their gradients smaller by its square.
        return distil.share * heat**2 * tf.reduce_mean(taught) + (1 - distil.share) * hard

    return loss


def ctc_loss(labels: tf.Tensor, outputs: tf.Tensor, soft: tf.Tensor | None = None) -> tf.Tensor:
    """Return the mean over lines of -log probability of their text, summed over all alignments with the columns.

    After A. Graves and others: "Connectionist temporal classification", ICML 2006.
    labels: (N, most digits), -1 after the last digit. outputs: logits (N, columns, classes), the last one the blank.
    """
    lengths = tf.reduce_sum(tf.cast(labels >= 0, tf.int32), 1)
    columns = tf.fill(tf.shape(outputs)[:1], tf.shape(outputs)[1])
    digits = tf.cast(tf.maximum(labels, 0), tf.int32)
    return tf.reduce_mean(
        tf.nn.ctc_loss(digits, outputs, lengths, columns, logits_time_major=False, blank_index=outputs.shape[-1] - 1)
    )
