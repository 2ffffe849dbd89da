"""Fits the network that tells whether a digit of a page is right."""

import keras
import numpy as np
from numpy.typing import NDArray

from edge_runtime.segmentation.trust import UNITS, Trust

EPOCHS, BATCH = 25, 256
RATE, DECAY = 3e-3, 1e-5  # of Adam, at the start; factor of the squares of the weights
NOISE = 0.3  # standard deviations: noise of the features while fitting, as real pages differ from generated ones
SEED = 1


def fit(features: NDArray[np.float64], right: NDArray[np.float64]) -> Trust:
    """Return the weights. features: (N, F). right: (N,), 0 or 1."""
    keras.utils.set_random_seed(SEED)
    middle, spread = features.mean(0), features.std(0)
    spread = np.where(spread > 0, spread, 1)
    decay = keras.regularizers.L2(DECAY)
    hidden = keras.layers.Dense(UNITS, activation="relu", kernel_regularizer=decay)
    output = keras.layers.Dense(1, kernel_regularizer=decay)
    network = keras.Sequential([keras.Input(features.shape[1:]), keras.layers.GaussianNoise(NOISE), hidden, output])
    rate = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * -(-len(right) // BATCH))
    network.compile(keras.optimizers.Adam(rate), keras.losses.BinaryCrossentropy(from_logits=True))
    network.fit((features - middle) / spread, right[:, np.newaxis], BATCH, EPOCHS, verbose=0)
    (weights, bias), (last, last_bias) = hidden.get_weights(), output.get_weights()
    plain = weights / spread[:, np.newaxis]
    return Trust(np.vstack([plain, bias - middle @ plain]), np.append(last[:, 0], last_bias))
