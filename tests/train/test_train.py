"""Training: the recipes are the published ones, runs repeat, and a run folder tells the truth about its network."""

import csv
import dataclasses
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from edge_runtime.normalise import normalise
from tests.conftest import in_place_of_mnist
from train import fit, progress
from train.__main__ import main
from train.data import epochs
from train.data.mnist import Mnist
from train.learner import Learner, make_optimizer
from train.network import build
from train.recipes import RECIPES, Dense, Recipe
from train.tasks import task_of

ROOT = Path(__file__).parents[2]


EPOCHS = 4
LAYERS = (Dense(8, "relu"), Dense(10, "softmax"))


@pytest.fixture(scope="module")
def comparison(few: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `--compare single-layer hidden-100` writes after some epochs of each, into a folder with notes in it."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "notes.txt").write_text("mine")
    arguments = ["--epochs", str(EPOCHS), "--out", str(folder), "--overwrite"]
    with in_place_of_mnist(few):
        assert main(["--compare", "single-layer", "hidden-100", *arguments]) == 0
    return folder


@pytest.fixture(scope="module")
def run(comparison: Path) -> Path:
    """The run folder of hidden-100."""
    return comparison / "hidden-100"


@pytest.fixture(scope="module")
def model(run: Path) -> "keras.Model":
    return keras.models.load_model(run / "model.keras")


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def weights(mnist: Mnist, seed: int) -> np.ndarray:
    model, _ = fit.train(RECIPES["single-layer"], mnist, fit.Plan(seed, epochs=1))
    return np.concatenate([array.ravel() for array in model.get_weights()])


# Recipes


@pytest.mark.parametrize(
    ("name", "layers", "optimizer", "loss", "batch", "epochs", "parameters"),
    [
        (
            "rmsprop-ann",
            [(32, "sigmoid"), (32, "sigmoid"), (32, "sigmoid"), (10, "softmax")],
            "RMSprop",
            "categorical_crossentropy",
            128,
            25,
            27_562,
        ),
        ("single-layer", [(10, "sigmoid")], "Adam", "sparse_categorical_crossentropy", 32, 5, 7_850),
        ("hidden-100", [(100, "relu"), (10, "sigmoid")], "Adam", "sparse_categorical_crossentropy", 32, 5, 79_510),
    ],
)
def test_reproductions_are_the_published_networks(name, layers, optimizer, loss, batch, epochs, parameters) -> None:
    recipe = RECIPES[name]
    model = build(recipe)
    assert [type(layer).__name__ for layer in model.layers[:2]] == ["Rescaling", "Flatten"]
    assert [(layer.units, layer.activation.__name__) for layer in model.layers[2:]] == layers
    assert model.count_params() == parameters
    ours = make_optimizer(recipe, steps=1, epochs=1)
    theirs = getattr(keras.optimizers, optimizer)(name=ours.name)
    assert type(ours) is type(theirs)
    assert ours.get_config() == theirs.get_config()
    assert (recipe.loss, recipe.batch, recipe.epochs) == (loss, batch, epochs)
    assert recipe.reproduction
    bare = Recipe(recipe.name, recipe.summary, recipe.layers, recipe.optimizer, recipe.loss, batch, epochs)
    assert recipe == dataclasses.replace(bare, published=recipe.published)  # nothing of ours was added


@pytest.mark.parametrize("name", RECIPES)
def test_every_network_scales_its_own_pixels(name: str) -> None:
    model = build(RECIPES[name])
    assert model.input_shape == (None, *task_of(RECIPES[name]).image)
    scaling = next(layer for layer in model.layers if isinstance(layer, keras.layers.Rescaling))
    scaled = scaling(np.full((1, 32, 28), 255, np.uint8))
    assert np.allclose(scaled, 1)


# Training


@pytest.mark.long("trains a network")
def test_a_seed_repeats_whatever_the_test_digits_are_and_another_differs(few: Mnist) -> None:
    other = dataclasses.replace(few, test_images=255 - few.test_images[:500], test_labels=few.test_labels[:500][::-1])
    first = weights(few, seed=1)
    assert np.array_equal(first, weights(other, seed=1))
    assert not np.array_equal(first, weights(few, seed=2))


@pytest.fixture(scope="module")
def ann() -> Recipe:
    """The default network, which needs no teacher here, and few images."""
    return dataclasses.replace(RECIPES["ann"], distil=None, augmented_epochs=1, nondigit_epochs=1)


@pytest.mark.long("trains a network")
def test_ann_validates_and_comes_out_in_plain_float32(
    ann: Recipe, few: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "NONDIGITS_DRAWN", 20)
    model, result = fit.train(ann, few, fit.Plan(epochs=3))
    assert len(result.history["val_accuracy"]) == 3
    assert len(result.train.labels) == 2_000
    assert np.array_equal(result.validation.labels, few.validation_part()[1])
    assert result.validation.accuracy > 0.5  # after six steps; a guess has 0.1
    assert 0 <= result.waiting_share <= 1
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    fit.save(model, tmp_path)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    # The network is shown what the runtime's `normalise` gives, and the score is of that.
    images = np.stack([normalise(image) for image in few.validation_part()[0]])
    predicted = loaded.predict(images, batch_size=1000, verbose=0)[:, :10].argmax(1)  # the last is no digit
    assert (predicted == few.validation_part()[1]).mean() == result.validation.accuracy


@pytest.mark.long("trains a network")
def test_a_final_training_keeps_no_digits_back(few: Mnist) -> None:
    recipe = dataclasses.replace(RECIPES["single-layer"], validate=True)
    _, chosen = fit.train(recipe, few, fit.Plan(epochs=1))
    _, final = fit.train(recipe, few, fit.Plan(epochs=1, final=True))
    assert (len(chosen.train.labels), len(chosen.validation.labels)) == (2_000, 1_200)
    assert final.validation is None
    assert len(final.train.labels) == len(few.train_labels)
    assert np.array_equal(final.test.labels, few.test_labels)


def test_training_that_diverges_is_an_error(few: Mnist) -> None:
    wild = dataclasses.replace(RECIPES["hidden-100"], learning_rate=1e30)
    with pytest.raises(fit.TrainError, match="diverged in epoch 1"):
        fit.train(wild, few, fit.Plan(epochs=3))


# The run folder


def test_run_folder_has_every_file(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == [
        "confusion.png",
        "curves.png",
        "data.png",
        "history.csv",
        "metrics.json",
        "model.h5",
        "model.keras",
        "report.csv",
        "samples.png",
        "summary.txt",
    ]
    for path in run.glob("*.png"):
        picture = cv2.imread(str(path))
        assert min(picture.shape[:2]) > 400
        assert picture.std() > 10
    assert "79,510" in (run / "summary.txt").read_text(encoding="utf-8")


def test_metrics_are_those_of_the_saved_networks(run: Path, model: "keras.Model", few: Mnist) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    older = keras.models.load_model(run / "model.h5")
    for images, labels, name in (
        (few.test_images, few.test_labels, "test_accuracy"),
        (few.train_images, few.train_labels, "train_accuracy"),
    ):
        answers = model.predict(images, batch_size=1000, verbose=0)
        assert (answers.argmax(1) == labels).mean() == metrics[name]
        assert np.array_equal(answers, older.predict(images, batch_size=1000, verbose=0))
    assert 0.8 < metrics["test_accuracy"] < 0.98
    assert metrics["test_loss"] == pytest.approx(model.evaluate(few.test_images, few.test_labels, verbose=0)[0])
    assert metrics["validation_accuracy"] is None
    assert metrics["published"] == {"test_accuracy": 0.9769}
    assert metrics["data_sha256"] == few.sha256
    assert (metrics["recipe"], metrics["seed"], metrics["epochs"]) == ("hidden-100", 0, EPOCHS)
    assert metrics["seconds"] > 0
    assert metrics["versions"]["keras"] == keras.__version__


def test_precision_recall_and_f1_are_counted_right(run: Path, model: "keras.Model", few: Mnist) -> None:
    predicted = model.predict(few.test_images, batch_size=1000, verbose=0).argmax(1)
    rows = {(row["set"], int(row["digit"])): row for row in read_csv(run / "report.csv")}
    assert len(rows) == 20
    for digit in range(10):
        row = rows["test", digit]
        hits = np.sum((predicted == digit) & (few.test_labels == digit))
        precision, recall = hits / np.sum(predicted == digit), hits / np.sum(few.test_labels == digit)
        assert float(row["precision"]) == pytest.approx(precision, abs=1e-4)
        assert float(row["recall"]) == pytest.approx(recall, abs=1e-4)
        assert float(row["f1"]) == pytest.approx(statistics.harmonic_mean([precision, recall]), abs=1e-4)
        assert int(rows["train", digit]["count"]) == np.sum(few.train_labels == digit)


def test_history_has_a_row_an_epoch(run: Path) -> None:
    rows = read_csv(run / "history.csv")
    assert [row["epoch"] for row in rows] == [str(epoch + 1) for epoch in range(EPOCHS)]
    assert 0.3 < float(rows[0]["accuracy"]) < float(rows[-1]["accuracy"]) < 1


def test_comparison_shows_what_the_hidden_layer_buys(comparison: Path) -> None:
    single, hidden = read_csv(comparison / "compare.csv")
    assert (single["recipe"], hidden["recipe"]) == ("single-layer", "hidden-100")
    assert float(hidden["test_accuracy"]) > float(single["test_accuracy"]) + 0.02
    assert int(hidden["parameters"]) > 10 * int(single["parameters"])
    assert cv2.imread(str(comparison / "compare.png")) is not None


@pytest.mark.long("trains a network")
@pytest.mark.usefixtures("little_data", "no_pictures")
def test_repeat_gives_mean_and_spread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "runs"
    assert main(["single-layer", "--repeat", "2", "--seed", "5", "--epochs", "1", "--out", str(out)]) == 0
    runs = [json.loads((out / f"seed-{seed}" / "metrics.json").read_text()) for seed in (5, 6)]
    values = [run["test_accuracy"] for run in runs]
    assert [run["seed"] for run in runs] == [5, 6]
    assert values[0] != values[1]
    summary = json.loads((out / "summary.json").read_text())
    assert [run["test_accuracy"] for run in summary["runs"]] == values
    assert summary["test_accuracy"]["mean"] == pytest.approx(np.mean(values))
    assert summary["test_accuracy"]["spread"] == pytest.approx(np.std(values, ddof=1))
    printed = capsys.readouterr().out
    assert f"{np.mean(values):.2%}" in printed
    assert "92.51%" in printed


# The command line


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error."""
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_full_run_folder_is_not_overwritten_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["single-layer", "--out", str(tmp_path)]) == 1
    assert error_of(capsys) == f"error: {tmp_path}: is not empty; choose another folder or add --overwrite"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_overwriting_leaves_what_it_did_not_write(comparison: Path) -> None:
    assert (comparison / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nonesuch"],
            "error: no recipe 'nonesuch'; there are rmsprop-ann, single-layer, hidden-100, teacher, teacher-mild, ann",
        ),
        ([], "error: no recipe given"),
        (["ann", "hidden-100"], "error: one recipe at a time"),
        (["--compare", "ann"], "error: --compare needs two or more"),
        (["--compare", "ann", "hidden-100", "--repeat", "2"], "error: --compare and --repeat"),
        (["ann", "--resume", "--overwrite"], "error: --resume continues and --overwrite starts again"),
        (["ann", "--list"], "error: --list stops after the list: it takes no RECIPE"),
        (["--list", "--seed", "0"], "error: --list stops after the list: it takes no --seed"),
        (["hidden-100", "--teacher", "runs/teacher"], "error: --teacher has no effect"),
        (["ann", "--final", "--final-teachers"], "error: --final-teachers has no effect"),
        (["teacher", "--final-teachers"], "error: --final-teachers has no effect"),
        (["hidden-100", "--processes", "2"], "error: --processes has no effect"),
        (["hidden-100", "--pool", "runs/pool"], "error: --pool has no effect"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments, message, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert error_of(capsys).startswith(message)


def test_wrong_option_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ann", "--epochs", "0"]) == 2
    assert "--epochs" in capsys.readouterr().err


def test_wrong_data_file_is_one_line_and_a_traceback_only_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "digits.npz").write_text("none")
    arguments = ["ann", "--data", str(tmp_path / "digits.npz"), "--out", str(tmp_path / "run")]
    assert main(arguments) == 1
    assert error_of(capsys).startswith(f"error: {tmp_path / 'digits.npz'}: cannot be read")
    assert main([*arguments, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_list_and_help_come_without_tensorflow() -> None:
    code = (
        "import sys; from train.__main__ import main; main(['--list']); main(['--help']);"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in RECIPES:
        assert name in done.stdout
    assert "Examples:" in done.stdout


@pytest.mark.long("trains a network")
@pytest.mark.usefixtures("little_data")
def test_ctrl_c_ends_cleanly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Learner, "epoch", lambda *_: signal.raise_signal(signal.SIGINT))
    monkeypatch.setitem(RECIPES, "ann", dataclasses.replace(RECIPES["ann"], nondigits=0.0, layers=LAYERS))
    assert main(["ann", "--out", str(tmp_path / "run")]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"
    assert caplog.messages[:2] == ["reading MNIST", "importing TensorFlow"]  # before anything that takes long
    assert multiprocessing.active_children() == []


@pytest.mark.long("a Ctrl-C on a terminal, to a training and all its processes")
def test_ctrl_c_on_a_terminal_ends_all_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.on_few", "train", "teacher", "--out", str(tmp_path / "run")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        for line in process.stdout:
            if "Non-trainable" in line:  # the end of the summary: training begins
                break
        # As a terminal does: to the workers too.
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == "interrupted"


def test_what_takes_long_gives_signs_of_life(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.01)
    caplog.set_level("INFO", "train")
    with progress.doing("painting", lambda: 0.25):
        assert caplog.messages == ["painting"]
        while len(caplog.messages) < 3:
            time.sleep(0.01)
    assert set(caplog.messages[1:]) == {"painting: 0 s, 25%"}
    count = len(caplog.messages)
    with progress.doing("drying", at_once=False):
        pass
    assert len(caplog.messages) == count


# The mistake of the first original: its own drawing, resized as a whole, in pixels of 0..255, to a network that
# had been trained on 0..1.


def draw(digit: int, x: int, y: int, size: int) -> np.ndarray:
    """A digit drawn white on black, uint8 (600, 800): its middle at x and y, `size` pixels high."""
    canvas = np.zeros((600, 800), np.uint8)
    pen = round(size / 7)

    def line(*points: tuple[float, float]) -> None:
        way = np.rint([(x + across * size, y + down * size) for across, down in points]).astype(np.int32)
        cv2.polylines(canvas, [way], False, 255, pen, cv2.LINE_AA)

    def arc(across: float, down: float, wide: float, high: float, start: int = 0, end: int = 360) -> None:
        middle = round(x + across * size), round(y + down * size)
        cv2.ellipse(canvas, middle, (round(wide * size), round(high * size)), 0, start, end, 255, pen, cv2.LINE_AA)

    match digit:
        case 0:
            arc(0, 0, 0.32, 0.5)
        case 1:
            line((0.03, -0.5), (-0.03, 0.5))
        case 2:
            arc(0, -0.25, 0.28, 0.25, 180, 400)
            line((0.2, -0.09), (-0.3, 0.5), (0.35, 0.48))
        case 3:
            arc(-0.05, -0.25, 0.28, 0.25, 200, 450)
            arc(-0.05, 0.25, 0.32, 0.25, 270, 520)
        case 4:
            line((-0.2, -0.5), (-0.3, 0.05), (0.3, 0.05))
            line((0.2, -0.5), (0.2, 0.5))
        case 5:
            line((0.3, -0.5), (-0.2, -0.5), (-0.22, -0.05))
            arc(-0.03, 0.2, 0.3, 0.28, 235, 500)
        case 6:
            line((0.15, -0.5), (-0.15, -0.15), (-0.25, 0.22))
            arc(0, 0.25, 0.26, 0.25)
        case 7:
            line((-0.3, -0.45), (0.3, -0.5), (-0.05, 0.5))
        case 8:
            arc(0, -0.25, 0.22, 0.23)
            arc(0, 0.25, 0.27, 0.26)
        case 9:
            arc(0, -0.25, 0.25, 0.24)
            line((0.25, -0.25), (0.15, 0.5))
    return canvas


@pytest.mark.long("trains a network")
def test_drawings_that_the_first_original_misread_are_read(mnist: Mnist, few: Mnist) -> None:
    more = dataclasses.replace(few, train_images=mnist.train_images[:16_000], train_labels=mnist.train_labels[:16_000])
    model, _ = fit.train(RECIPES["hidden-100"], more, fit.Plan(epochs=2))
    places = [(230, 200, 200), (560, 380, 260), (420, 300, 400), (650, 150, 160)]
    digits = np.repeat(np.arange(10), len(places))
    drawings = [draw(digit, *place) for digit in range(10) for place in places]
    unscaled = keras.Sequential([keras.Input((28, 28)), *model.layers[1:]])  # the same weights, no scaling layer

    def share_right(network: "keras.Model", pixels: list[np.ndarray]) -> float:
        return float((network.predict(np.stack(pixels), verbose=0).argmax(1) == digits).mean())

    normalised = [normalise(drawing) for drawing in drawings]
    resized = [cv2.resize(drawing, (28, 28)) for drawing in drawings]
    assert share_right(model, normalised) >= 0.9
    assert share_right(unscaled, resized) <= 0.4  # theirs
    assert share_right(unscaled, normalised) <= 0.7  # scaling alone forgotten
    assert share_right(model, resized) <= 0.6  # normalising alone forgotten
