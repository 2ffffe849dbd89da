"""Trains the network that reads lines: another process draws them ahead, and later epochs show them again in turn."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from edge_runtime.common.versions import versions
from edge_runtime.find import line
from edge_runtime.lines.ctc import decode
from train.data.line_pool import line_files, read_lines
from train.data.mnist import Mnist
from train.errors import TrainError
from train.fit import Course, Plan, precision_of, summary_of
from train.learner import Learner
from train.network import build
from train.progress import doing
from train.recipes import Recipe
from train.score import Training
from train.synthetic.lines import Lines, lines

log = logging.getLogger(__name__)

DRAWN = 20_000  # lines of an epoch
BLOCK = 4_000  # lines that are sorted by their widths, since short ones cost less
WIDTHS = (48, 80, 112, 144, line.WIDTH)  # pixels that lines are cut to
JUDGED = 2_000  # lines of validation digits, and as many of test digits at the end
JUDGE_SEED = 1_000_000  # of these; an epoch's is its number


@dataclass(frozen=True, kw_only=True)
class LineResult(Training):
    """One training of a network that reads lines. Shares are of generated lines that are read without a fault."""

    validation: float | None  # of lines of validation digits; None of a final training
    test: float  # of lines of test digits

    def metrics(self) -> dict[str, Any]:
        """All figures, ready for JSON."""
        return {
            **self.facts(),
            "lines": {"drawn": DRAWN * min(self.recipe.deformed_epochs, self.epochs), "judged": JUDGED},
            "validation_lines": self.validation,
            "test_lines": self.test,
        }


def train_lines(recipe: Recipe, mnist: Mnist, plan: Plan) -> tuple[keras.Sequential, LineResult]:
    """Train `recipe` on lines of MNIST's training digits; those of test digits are read once, at the end.

    Raises TrainError where the loss is no number, CheckpointError and OutputError as `train.fit.train` does.
    """
    final = plan.final
    epochs = recipe.epochs if plan.epochs is None else plan.epochs
    keras.utils.clear_session()
    keras.utils.set_random_seed(plan.seed)
    precision = precision_of(recipe)
    digits = (mnist.train_images, mnist.train_labels) if final else mnist.fit_part()
    plain = build(recipe)
    plain.summary()
    if plan.pool is None:
        raise TrainError("lines are drawn into a folder: name one")
    with doing("drawing the lines of validation", at_once=not final):
        validation = None if final else lines(*mnist.validation_part(), JUDGED, JUDGE_SEED)
    learner = Learner(recipe, precision, DRAWN // BLOCK * -(-BLOCK // recipe.batch), epochs)
    facts = {
        "recipe": repr(recipe),
        "seed": plan.seed,
        "number of epochs": epochs,
        "training set": f"{len(digits[0])} digits of {mnist.sha256}",
        "precision": precision,
    }
    course = Course(plan, facts, learner, epochs)
    with line_files(plan.pool, digits, min(recipe.deformed_epochs, epochs), DRAWN, course.at.epoch) as drawn:
        for epoch in course.epochs():
            first = not course.at.history
            with doing(f"epoch {epoch + 1}: waiting for the lines that another process draws", at_once=first):
                shown = read_lines(drawn[epoch % len(drawn)]())
            with doing(f"epoch {epoch + 1}: training", at_once=first):
                loss = _learn(learner, shown, np.random.default_rng((plan.seed, epoch)))
            if not np.isfinite(loss):
                raise TrainError(f"{recipe.name}: training diverged in epoch {epoch + 1}: the loss is no number")
            learner.publish(plain)
            figures = {"loss": loss} | ({"val_lines": share_right(plain, validation)} if validation else {})
            course.end(figures)
    log.info("scoring %s on %d lines of test digits", recipe.name, JUDGED)
    return plain, LineResult(
        recipe=recipe,
        seed=plan.seed,
        epochs=epochs,
        final=final,
        seconds=course.at.seconds,
        parameters=plain.count_params(),
        precision=precision,
        summary=summary_of(plain),
        history=course.at.history,
        validation=share_right(plain, validation) if validation else None,
        test=share_right(plain, lines(mnist.test_images, mnist.test_labels, JUDGED, JUDGE_SEED)),
        data_sha256=mnist.sha256,
        versions=versions("tensorflow", "keras", "numpy", "opencv-python-headless"),
    )


def share_right(network: keras.Model, judged: Lines) -> float:
    """Return the share of lines that the network reads without a fault, 0 to 1."""
    return float(np.mean(texts(network.predict(judged.images, batch_size=200, verbose=0)) == judged.texts()))


def texts(logits: NDArray[np.floating[Any]]) -> NDArray[np.str_]:
    """Return what a network reads in N lines, (N,); logits: (N, columns, 11)."""
    return np.array(["".join(map(str, decode(columns[np.newaxis]).labels)) for columns in logits])


def _learn(learner: Learner, drawn: Lines, random: np.random.Generator) -> float:
    """One epoch: blocks of lines, in each those of like width together; returns the mean loss."""
    order = random.permutation(len(drawn.images))
    total = 0.0
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        images, labels = drawn.images[np.sort(block)], drawn.labels[np.sort(block)]
        ends = images.shape[2] - images.any(1)[:, ::-1].argmax(1)
        group = np.searchsorted(WIDTHS, ends + random.integers(0, 8, len(ends)), "left").clip(max=len(WIDTHS) - 1)
        for number in random.permutation(len(WIDTHS)):
            mine = np.flatnonzero(group == number)
            if len(mine):
                cut = images[mine, :, : WIDTHS[number]]
                loss, _ = learner.epoch(cut, labels[mine], None, random.permutation(len(mine)))
                total += loss * len(mine)
    return total / len(order)


def write(result: LineResult, mnist: Mnist, folder: Path) -> None:
    """Write figures and a picture of lines into an existing folder; `metrics.json` comes last."""
    (folder / "summary.txt").write_text(result.summary, encoding="utf-8")
    names = list(result.history)
    rows = [",".join(["epoch", *names])]
    for epoch, values in enumerate(zip(*result.history.values(), strict=True), 1):
        rows.append(",".join([str(epoch), *(f"{value:.6f}" for value in values)]))
    (folder / "history.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    shown = lines(*mnist.fit_part(), 40, result.seed + 2).images
    sheet = np.vstack([np.hstack(shown[start : start + 4]) for start in range(0, len(shown), 4)])
    (folder / "lines.png").write_bytes(bytes(cv2.imencode(".png", sheet)[1]))
    (folder / "metrics.json").write_text(json.dumps(result.metrics(), indent=2) + "\n", encoding="utf-8")
