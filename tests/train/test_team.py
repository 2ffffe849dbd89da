"""Several processes train one network: their states are averaged, and a process that dies ends the training."""

import os

import numpy as np
import pytest

from train.errors import TrainError
from train.learner import Learner
from train.recipes import RECIPES
from train.tasks import task_of
from train.team import LearnerSettings, Team

RECIPE = RECIPES["ann-nano"]
SETTINGS = LearnerSettings(RECIPE, "float32", 1, 1)


@pytest.fixture
def learner():
    """A learner of a small network."""
    return Learner(RECIPE, task_of(RECIPE).loss(RECIPE), *SETTINGS[1:])


def add(learner, share, rng, average):
    """Add the share to all weights in place of training."""
    learner.network.set_weights([weights + share for weights in learner.network.get_weights()])
    average()
    return share


def die(learner, share, rng, average):
    """End the process of the share 1, and wait for it in the other one."""
    if share:
        os._exit(9)
    average()
    return 0.0


@pytest.mark.long("starts a process that imports TensorFlow")
def test_processes_average_their_states_and_losses(learner):
    before = learner.network.get_weights()
    with Team(SETTINGS, add, learner, 2) as team:
        for _ in range(2):
            assert team.epoch(learner, [1.0, 3.0], np.random.default_rng(0)) == 2.0
    for weights, start in zip(learner.network.get_weights(), before, strict=True):
        assert weights == pytest.approx(start + 4, abs=1e-5)


@pytest.mark.long("starts a process that imports TensorFlow")
def test_a_process_that_dies_ends_the_training(learner):
    with Team(SETTINGS, die, learner, 2) as team, pytest.raises(TrainError, match="died: continue with --resume"):
        team.epoch(learner, [0, 1], np.random.default_rng(0))
