"""The loss of the page network."""

import numpy as np
import tensorflow as tf

from edge_runtime.segmentation.outputs import (
    BLOCK,
    BLOCKS,
    HEIGHT,
    LABELS,
    SMALL,
    SMALLEST,
    SQUARE,
    TILE,
    TURNS,
    USUAL,
    Kind,
)
from train.synthetic.page_targets import IGNORED, PARTS, SQUARES

BETWEEN = 13.0  # pixels: cells of digits from `SMALLEST` to this height have no truth for `SMALL`
KIND_WEIGHTS = (1.0, 1.6, 12.0, 2.5, 7.0)  # of the errors of squares, by `Kind` and for `ONE`: rare kinds count more
SMALL_WEIGHT = 3.0  # of cells with small digits, against 1 of all others
SHARES = {"kinds": 1.0, "labels": 0.25, "turns": 0.2, "small": 0.3, "height": 0.1}  # weights of the parts of the loss


def page_loss(targets: tf.Tensor, outputs: tf.Tensor, soft: tf.Tensor | None = None) -> tf.Tensor:
    """Return the loss of a batch: the weighted sum of five parts, each a mean over the places that have a truth.

    targets: uint8 (N, 18433), see `make_targets`. outputs: float32 (N, 5120, 16).
    """
    kinds, labels, heights, turns = tf.split(tf.cast(targets, tf.int32), PARTS, 1)
    cells = outputs[:, BLOCKS:]
    inked = tf.cast(heights > 0, tf.float32)
    labelled = tf.cast(labels < IGNORED, tf.float32)
    small = tf.cast((heights > 0) & (tf.cast(heights, tf.float32) < SMALLEST), tf.float32)
    clear = 1 - inked + tf.cast(small + tf.cast(tf.cast(heights, tf.float32) >= BETWEEN, tf.float32) > 0, tf.float32)
    exact = tf.math.log(tf.maximum(tf.cast(heights, tf.float32), 1.0) / USUAL) / np.log(2)
    parts = {
        "kinds": _kind_loss(kinds, outputs[:, :BLOCKS]),
        "labels": _mean(_cross_entropy(tf.where(labels < IGNORED, labels, 0), cells[..., LABELS]), labelled),
        "turns": _mean(_cross_entropy(tf.broadcast_to(turns, tf.shape(labels)), cells[..., TURNS]), labelled),
        "small": _mean(
            tf.nn.sigmoid_cross_entropy_with_logits(small, cells[..., SMALL]) * (1 + (SMALL_WEIGHT - 1) * small),
            tf.minimum(clear, 1.0),
        ),
        "height": _mean(tf.abs(cells[..., HEIGHT] - exact), inked),
    }
    return tf.add_n([SHARES[name] * part for name, part in parts.items()])


def _kind_loss(kinds: tf.Tensor, blocks: tf.Tensor) -> tf.Tensor:
    """Return the weighted mean over squares. kinds: (N, squares); blocks: (N, blocks, 16)."""
    side = TILE // BLOCK
    logits = tf.nn.depth_to_space(tf.reshape(blocks, (-1, side, side, blocks.shape[-1])), BLOCK // SQUARE)
    logits = tf.reshape(logits, (-1, SQUARES, len(Kind)))
    known = tf.cast(kinds < IGNORED, tf.float32)
    given = tf.where(kinds < IGNORED, kinds, 0)
    weights = tf.gather(tf.constant(KIND_WEIGHTS), given) * known
    true = tf.minimum(given, int(Kind.DIGIT))
    return tf.reduce_sum(_cross_entropy(true, logits) * weights) / tf.reduce_sum(weights)


def _cross_entropy(true: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(true, logits)


def _mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(values * weights) / (tf.reduce_sum(weights) + 1)
