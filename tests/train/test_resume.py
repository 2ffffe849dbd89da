"""A training that is killed goes on as if nothing had happened; networks that learn from others."""

import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest

from tests.conftest import ROOT
from train import checkpoint, fit
from train.__main__ import main
from train.augmentation.settings import MILD, STRONG
from train.data.mnist import Mnist
from train.errors import CheckpointError, TeacherError
from train.recipes import RECIPES, Dense, Distil, Lesson, Pool, Recipe
from train.results import DigitResult

EPOCHS = 3
KILLED_EPOCHS = 12  # so many that a kill after the second comes before the end
TAUGHT = (Lesson(None, ("rmsprop-ann",)),)


@pytest.fixture(scope="module")
def tiny() -> Recipe:
    """Everything that a training has a state of, in a small network and in float32."""
    return dataclasses.replace(
        RECIPES["ann-nano"],
        layers=(Pool(2, "mean"), Dense(24, "relu", norm=True, dropout=0.1), Dense(10, "softmax")),
        batch=100,
        average=0.9,
        lessons=(Lesson(STRONG), Lesson(MILD)),
        augmented_epochs=1,
        distil=None,
        nondigits=0.0,
        precision="float32",
    )


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all trainings here find the deformed digits of those before."""
    return tmp_path_factory.mktemp("pool")


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.on_few", "train", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Killed(BaseException):
    """What nobody catches, in place of a kill."""


@pytest.fixture(params=["stopped", pytest.param("killed", marks=pytest.mark.long("a real kill of a real training"))])
def begun(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a training that has come to its end after some epochs, by force; the last names its folder."""
    arguments = ["hidden-100", "--epochs", str(KILLED_EPOCHS), "--checkpoint-seconds", "0", "--out", str(tmp_path)]
    if request.param == "killed":
        with start(*arguments) as process:
            for line in process.stdout:
                if line.startswith(f"epoch   2/{KILLED_EPOCHS}"):
                    os.kill(process.pid, signal.SIGKILL)
        return arguments

    def end(course: fit.Course, figures: dict[str, float]) -> None:
        if course.at.epoch == 2:
            raise Killed
        ended(course, figures)

    ended = fit.Course.end
    with monkeypatch.context() as patch:
        patch.setattr(fit.Course, "end", end)
        with pytest.raises(Killed):
            main(arguments)
    return arguments


@pytest.mark.long("trains a network")
@pytest.mark.usefixtures("little_data", "no_pictures")
def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(
    few: Mnist, begun: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".new") == [checkpoint.NAME]
    assert main(begun) == 1
    said = capsys.readouterr().err
    assert said.splitlines()[-1].endswith("holds a run that was stopped; --resume continues, --overwrite starts again")

    done = checkpoint.read(tmp_path).epoch
    assert 2 <= done < KILLED_EPOCHS
    assert main([*begun, "--resume"]) == 0
    printed = capsys.readouterr().out
    assert f"going on after epoch {done}\n" in printed
    assert f"epoch {done:>3}/" not in printed
    assert not (tmp_path / checkpoint.NAME).exists()
    whole, result = fit.train(RECIPES["hidden-100"], few, fit.Plan(epochs=KILLED_EPOCHS))
    resumed = keras.models.load_model(tmp_path / "model.keras").get_weights()
    for mine, theirs in zip(resumed, whole.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    with (tmp_path / "history.csv").open() as file:
        losses = [row["loss"] for row in csv.DictReader(file)]
    assert losses == [f"{loss:.6f}" for loss in result.history["loss"]]

    before = (tmp_path / "model.keras").stat().st_mtime_ns
    assert main([*begun, "--resume"]) == 0
    assert "is finished already" in capsys.readouterr().out
    assert (tmp_path / "model.keras").stat().st_mtime_ns == before
    assert main([*begun, "--resume", "--seed", "4"]) == 1
    assert "holds the finished run of hidden-100, seed 0" in capsys.readouterr().err


class Trained(NamedTuple):
    """A whole training of `tiny`; its last checkpoint is of the epoch before the end."""

    plan: fit.Plan
    model: keras.Model
    result: DigitResult


@pytest.fixture(scope="module")
def trained(tiny: Recipe, few: Mnist, pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    plan = fit.Plan(seed=3, epochs=EPOCHS, checkpoints=folder, checkpoint_seconds=0, pool=pool)
    return Trained(plan, *fit.train(tiny, few, plan))


@pytest.mark.long("trains a network")
def test_every_kind_of_state_comes_back(tiny: Recipe, few: Mnist, trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.plan.checkpoints, tmp_path, dirs_exist_ok=True)
    assert checkpoint.read(tmp_path).epoch == EPOCHS - 1
    resumed, second = fit.train(tiny, few, dataclasses.replace(trained.plan, checkpoints=tmp_path, resume=True))
    for mine, theirs in zip(resumed.get_weights(), trained.model.get_weights(), strict=True):
        assert np.array_equal(mine, theirs)
    assert second.history == trained.result.history
    assert len(second.history["val_accuracy"]) == EPOCHS
    assert second.seconds > trained.result.seconds / EPOCHS


@pytest.mark.long("trains a network")
def test_a_checkpoint_of_another_training_is_refused(
    tiny: Recipe, few: Mnist, trained: Trained, tmp_path: Path
) -> None:
    shutil.copytree(trained.plan.checkpoints, tmp_path, dirs_exist_ok=True)
    plan = dataclasses.replace(trained.plan, checkpoints=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="another seed: repeat the command"):
        fit.train(tiny, few, dataclasses.replace(plan, seed=1))
    with pytest.raises(CheckpointError, match="another recipe and another number of epochs"):
        fit.train(dataclasses.replace(tiny, batch=50), few, dataclasses.replace(plan, epochs=4))
    (tmp_path / checkpoint.NAME).write_bytes(b"PK\x03\x04")
    with pytest.raises(CheckpointError, match="is damaged"):
        fit.train(tiny, few, plan)


@pytest.fixture(scope="module")
def teacher(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that others may learn from."""
    folder = tmp_path_factory.mktemp("teacher")
    easy = dataclasses.replace(RECIPES["rmsprop-ann"], validate=True, batch=10)
    model, result = fit.train(easy, few, fit.Plan(epochs=4))
    fit.save(model, folder)
    (folder / "metrics.json").write_text(json.dumps(result.metrics()))
    return folder


@pytest.mark.long("trains a network")
def test_a_network_takes_over_what_its_teacher_says(tiny: Recipe, few: Mnist, teacher: Path) -> None:
    # Labels that are all wrong: what is right afterwards was learnt from the teacher.
    labels = few.train_labels.copy()
    labels[: -few.validation] = 9 - labels[: -few.validation]
    learner = dataclasses.replace(tiny, distil=Distil(share=1.0), lessons=TAUGHT, batch=20)
    plan = fit.Plan(epochs=3, teachers=[teacher])
    _, result = fit.train(learner, dataclasses.replace(few, train_labels=labels), plan)
    assert result.validation.accuracy > 0.6
    assert result.metrics()["teachers"][0]["recipe"] == "rmsprop-ann"


@pytest.mark.long("trains a network")
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


@pytest.mark.long("trains a network")
def test_without_a_teacher_it_learns_from_the_labels(tiny: Recipe, few: Mnist) -> None:
    learner = dataclasses.replace(tiny, distil=Distil(), lessons=TAUGHT, batch=20)
    _, result = fit.train(learner, few, fit.Plan(epochs=2))
    assert result.metrics()["teachers"] == []
    assert result.validation.accuracy > 0.5
