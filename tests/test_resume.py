"""A training that is killed goes on as if nothing had happened; networks that learn from others, and rounded ones."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.conftest import ROOT
from train import checkpoint, fit
from train.__main__ import main
from train.data import Mnist, load_mnist
from train.deformation import MILD, STRONG
from train.errors import CheckpointError, TeacherError
from train.recipes import RECIPES, Crop, Dense, Distil, Lesson, Pool, Recipe, Windows

EPOCHS = 3
TAUGHT = (Lesson(None, ("rmsprop-ann",)),)


@pytest.fixture(scope="module")
def few() -> Mnist:
    """MNIST with 2,000 digits to train on beside the 10,000 of validation."""
    mnist = load_mnist()
    return Mnist(mnist.train_images[:12_000], mnist.train_labels[:12_000], mnist.test_images, mnist.test_labels)


@pytest.fixture(scope="module")
def tiny() -> Recipe:
    """Everything that a training has a state of, in a small network and in float32."""
    return dataclasses.replace(
        RECIPES["ann-nano"],
        layers=(Crop(2), Pool(2, "mean"), Dense(24, "relu", norm=True, dropout=0.1), Dense(10, "softmax")),
        batch=100,
        average=0.9,
        weight_bits=4,
        rounded_epochs=1,
        lessons=(Lesson(STRONG), Lesson(MILD)),
        deformed_epochs=1,
        distil=None,
        others=0.0,
        precision="float32",
    )


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "train", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def weights(folder: Path) -> list[np.ndarray]:
    return keras.models.load_model(folder / "model.keras").get_weights()


def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path: Path) -> None:
    arguments = ["hidden-100", "--epochs", EPOCHS, "--checkpoint-seconds", 0]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with start(*arguments, "--out", killed) as process:
        for line in process.stdout:
            if line.startswith("epoch   2/3"):
                os.kill(process.pid, signal.SIGKILL)
    assert sorted(path.name for path in killed.iterdir() if path.suffix != ".part") == [checkpoint.NAME]

    with start(*arguments, "--out", killed) as process:
        said = process.communicate(timeout=300)[1]
    assert process.returncode == 1
    assert said.splitlines()[-1].endswith("holds a run that was stopped; --resume goes on, --overwrite starts anew")

    with start(*arguments, "--out", killed, "--resume") as process:
        printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "going on after epoch 2" in printed
    assert "epoch   2/3" not in printed
    assert main([*map(str, arguments), "--out", str(whole)]) == 0
    for mine, theirs in zip(weights(killed), weights(whole), strict=True):
        assert np.array_equal(mine, theirs)
    assert (killed / "history.csv").read_text() == (whole / "history.csv").read_text()
    assert not (killed / checkpoint.NAME).exists()


def test_resuming_a_finished_run_leaves_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["single-layer", "--epochs", "1", "--out", str(tmp_path / "run"), "--resume"]
    assert main(arguments) == 0  # there was nothing to go on with
    before = (tmp_path / "run" / "model.keras").stat().st_mtime_ns
    assert main(arguments) == 0
    assert "is finished already" in capsys.readouterr().out
    assert (tmp_path / "run" / "model.keras").stat().st_mtime_ns == before
    assert main([*arguments, "--seed", "4"]) == 1
    assert "holds the finished run of single-layer, seed 0" in capsys.readouterr().err


def test_every_kind_of_state_comes_back(tiny: Recipe, few: Mnist, tmp_path: Path) -> None:
    plan = fit.Plan(seed=3, epochs=EPOCHS, checkpoints=tmp_path, checkpoint_seconds=0)
    whole, first = fit.train(tiny, few, plan)
    assert checkpoint.read(tmp_path).epoch == EPOCHS - 1
    resumed, second = fit.train(tiny, few, dataclasses.replace(plan, resume=True))
    for mine, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    assert second.history == first.history
    assert len(second.history["val_accuracy"]) == EPOCHS
    assert second.seconds > first.seconds / EPOCHS


def test_a_checkpoint_of_another_training_is_refused(tiny: Recipe, few: Mnist, tmp_path: Path) -> None:
    plan = fit.Plan(epochs=2, checkpoints=tmp_path, checkpoint_seconds=0, resume=True)
    fit.train(tiny, few, plan)
    with pytest.raises(CheckpointError, match="another seed: repeat the command"):
        fit.train(tiny, few, dataclasses.replace(plan, seed=1))
    with pytest.raises(CheckpointError, match="another recipe and another number of epochs"):
        fit.train(dataclasses.replace(tiny, batch=50), few, dataclasses.replace(plan, epochs=4))
    (tmp_path / checkpoint.NAME).write_bytes(b"PK\x03\x04")
    with pytest.raises(CheckpointError, match="is damaged"):
        fit.train(tiny, few, plan)


def test_rounded_weights_lie_on_fifteen_steps_for_each_output(tiny: Recipe, few: Mnist) -> None:
    model, _ = fit.train(tiny, few, fit.Plan(epochs=1))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            kernel = layer.get_weights()[0]
            steps = kernel / np.abs(kernel).max(0) * 7
            np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
            assert len(np.unique(np.round(steps))) == 15


def test_a_network_of_windows_learns_and_is_read_again(tiny: Recipe, few: Mnist, tmp_path: Path) -> None:
    windows = (Pool(2, "mean"), Windows(6, 4, 8), Dense(10, "softmax"))
    model, result = fit.train(dataclasses.replace(tiny, layers=windows, weight_bits=None), few, fit.Plan(epochs=6))
    assert result.parameters == 9 * (36 * 8 + 8) + 72 * 10 + 10
    assert result.validation.accuracy > 0.5
    fit.save(model, tmp_path)
    shown = few.test_images[:100]
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(loaded.predict(shown, verbose=0), model.predict(shown, verbose=0))


@pytest.fixture(scope="module")
def teacher(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that others may learn from."""
    folder = tmp_path_factory.mktemp("teacher")
    easy = dataclasses.replace(RECIPES["rmsprop-ann"], validate=True, batch=20)
    model, result = fit.train(easy, few, fit.Plan(epochs=8))
    fit.save(model, folder)
    (folder / "metrics.json").write_text(json.dumps(result.metrics()))
    return folder


def test_a_network_takes_over_what_its_teacher_says(tiny: Recipe, few: Mnist, teacher: Path) -> None:
    # Labels that are all wrong: what is right afterwards was learnt from the teacher.
    labels = few.train_labels.copy()
    labels[:-10_000] = 9 - labels[:-10_000]
    learner = dataclasses.replace(tiny, distil=Distil(share=1.0), lessons=TAUGHT, weight_bits=None)
    plan = fit.Plan(epochs=15, teachers=[teacher])
    _, result = fit.train(learner, dataclasses.replace(few, train_labels=labels), plan)
    assert result.validation.accuracy > 0.6
    assert result.metrics()["teachers"][0]["recipe"] == "rmsprop-ann"


def test_a_teacher_that_knows_the_validation_digits_is_refused(
    tiny: Recipe, few: Mnist, teacher: Path, tmp_path: Path
) -> None:
    learner = dataclasses.replace(tiny, distil=Distil(), lessons=TAUGHT)
    metrics = json.loads((teacher / "metrics.json").read_text())
    (tmp_path / "metrics.json").write_text(json.dumps(metrics | {"final": True}))
    (tmp_path / "model.keras").write_bytes((teacher / "model.keras").read_bytes())
    with pytest.raises(TeacherError, match="was trained on the validation digits, too"):
        fit.train(learner, few, fit.Plan(epochs=1, teachers=[tmp_path]))
    fit.train(learner, few, fit.Plan(epochs=1, teachers=[tmp_path], final=True))


def test_a_teacher_that_is_missing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["ann-nano", "--out", str(tmp_path / "run"), "--teacher", str(tmp_path / "none")]
    assert main(arguments) == 1
    assert "holds no finished run to learn from: train one with python -m train teacher" in capsys.readouterr().err


def test_without_a_teacher_it_learns_from_the_labels(tiny: Recipe, few: Mnist) -> None:
    learner = dataclasses.replace(tiny, distil=Distil(), lessons=TAUGHT, weight_bits=None)
    _, result = fit.train(learner, few, fit.Plan(epochs=8))
    assert result.metrics()["teachers"] == []
    assert result.validation.accuracy > 0.5
