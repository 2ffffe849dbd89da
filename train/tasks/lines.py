"""Lines of digits: a row as one 32x192 image, read without cutting it into digits."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import LINE, Bundle, load_line_bundle
from edge_runtime.common.versions import versions
from edge_runtime.find import line
from edge_runtime.find.ink import find_ink
from edge_runtime.images.files import to_gray
from edge_runtime.lines.ctc import decode
from edge_runtime.lines.recognizer import decode_lines
from edge_runtime.synthetic.pages import Appearance, draw_page
from edge_runtime.types import NON_DIGIT, Images
from train import card
from train.data.mnist import Mnist
from train.data.pool import ImagePool, PoolEpochs
from train.recipes import Recipe
from train.results import LIBRARIES, Result
from train.synthetic.lines import LineDrawer, Lines, draw_lines
from train.tasks import Epochs, Evidence, Exported, Job, Limits, Logits, Sample, Session, Task, Trained

if TYPE_CHECKING:
    import keras

    from train.learner import Learner
    from train.losses import Loss

DRAWN = 20_000  # lines of an epoch
BLOCK = 4_000  # lines that are sorted by width, since short ones cost less
WIDTHS = (48, 80, 112, 144, line.WIDTH)  # pixels that lines are cut to
JUDGED = 2_000  # lines of validation digits, and as many of test digits at the end
JUDGE_SEED = 1_000_000  # of these; that of an epoch is its number
PREDICT_BATCH = 200  # lines
CALIBRATION = 500  # lines of training digits
LIMITS = Limits(loss=0.010, agreement=0.95)  # of whole lines, many of which nobody could read
SAMPLE, SAMPLE_ROWS, SAMPLE_COLUMNS = "lines.png", 10, 4  # the image of training lines
GOLDEN_TEXTS = ("2074", "36", "8195", "602")


@dataclass(frozen=True, kw_only=True)
class LineResult(Result):
    """What the training of a line recogniser reports. Accuracies are shares of generated lines read exactly."""

    validation: float | None  # on lines of validation digits; None in a final training
    test: float  # on lines of test digits

    def metrics(self) -> dict[str, Any]:
        """Return all metrics, ready for JSON."""
        return {
            **self.facts(),
            "lines": {"drawn": DRAWN * min(self.recipe.augmented_epochs, self.epochs), "judged": JUDGED},
            "validation_lines": self.validation,
            "test_lines": self.test,
        }


class LineTask:
    """Line recognisers: networks that give logits for each column of a row."""

    image: tuple[int | None, ...] = (line.HEIGHT, None)
    exported_image = LINE
    content = "a line, ink bright on 0"
    generated = True
    takes_extra = False
    shares = False
    metric = "test_lines"
    validation_name = "lines of validation digits"
    recorded: tuple[str, ...] = ()

    def loss(self, recipe: Recipe) -> "Loss":
        """Return the loss of connectionist temporal classification."""
        from train.losses import ctc_loss

        return ctc_loss

    def start(self, job: Job) -> Session[Lines, LineResult]:
        """Draw the lines to validate on."""
        return LineSession(job)

    def write(self, result: LineResult, mnist: Mnist, folder: Path) -> None:
        """Write metrics and an image of lines into a run folder."""
        (folder / "summary.txt").write_text(result.summary, encoding="utf-8")
        (folder / "history.csv").write_text(result.history_csv(), encoding="utf-8")
        drawn = draw_lines(*mnist.fit_part(), SAMPLE_ROWS * SAMPLE_COLUMNS, result.seed + 2).images
        grid = drawn.reshape(SAMPLE_ROWS, SAMPLE_COLUMNS, *drawn.shape[1:])
        sheet = grid.swapaxes(1, 2).reshape(SAMPLE_ROWS * drawn.shape[1], -1)
        (folder / SAMPLE).write_bytes(bytes(cv2.imencode(".png", sheet)[1]))
        (folder / "metrics.json").write_text(json.dumps(result.metrics(), indent=2) + "\n", encoding="utf-8")

    def describe(self, metrics: dict[str, Any]) -> str:
        """Return the accuracy on generated lines."""
        return f"{metrics['test_lines']:.2%} of generated lines of test digits read exactly, {metrics['seconds']:.0f} s"

    def calibration(self, recipe: Recipe, mnist: Mnist) -> Images:
        """Return lines of training digits."""
        return draw_lines(*mnist.fit_part(), CALIBRATION, JUDGE_SEED + 1).images

    def validation(self, recipe: Recipe, mnist: Mnist) -> Sample:
        """Return lines of validation digits."""
        return _sample(draw_lines(*mnist.validation_part(), JUDGED, JUDGE_SEED))

    def test(self, recipe: Recipe, mnist: Mnist) -> Sample:
        """Return lines of test digits."""
        return _sample(draw_lines(mnist.test_images, mnist.test_labels, JUDGED, JUDGE_SEED))

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the texts in logits (N, columns, 11)."""
        return np.array(["".join(map(str, decode(columns[np.newaxis]).labels)) for columns in outputs])

    def limits(self, recipe: Recipe) -> Limits:
        """Return what a conversion may cost."""
        return LIMITS

    def evidence(self, logits_of: Callable[[Images], Logits], sample: Sample) -> Evidence:
        """Return the logits of the digits that are read, aligned with the true text.

        By default all are accepted: the blank of the columns has already told digits from non-digits.
        """
        logits, labels = [], []
        for decoded, text in zip(decode_lines(logits_of, sample.images), sample.truth, strict=True):
            read = "".join(map(str, decoded.labels))
            aligned = np.full(len(read), NON_DIGIT)  # a digit that is read and is not in the text
            for kind, first, last, start, stop in SequenceMatcher(None, read, text, autojunk=False).get_opcodes():
                if kind == "equal" or (kind == "replace" and last - first == stop - start):
                    aligned[first:last] = [int(digit) for digit in text[start:stop]]
            logits.append(decoded.columns)
            labels.append(aligned)
        return Evidence(np.concatenate(logits), np.concatenate(labels), 1.0)

    def golden_images(self) -> tuple[Images, int]:
        """Return the row of each of some drawn pages, uint8 (N, 32, 192)."""
        pages = (
            draw_page([text], (320, 90), 50, seed, Appearance(gap=(0.0, 0.2))) for seed, text in enumerate(GOLDEN_TEXTS)
        )
        return np.stack([line.line_image(find_ink(to_gray(page.image)).strength) for page in pages]), 1

    def card(self, exported: Exported) -> dict[str, bytes]:
        """Return the card and the image of training lines."""
        files = {card.NAME: _card(exported).encode()}
        if (exported.folder / SAMPLE).is_file():
            files[SAMPLE] = (exported.folder / SAMPLE).read_bytes()
        return files

    def load(self, folder: Path) -> Bundle:
        """Open a bundle that reads lines."""
        return load_line_bundle(folder)


class LineSession:
    """One training on lines."""

    def __init__(self, job: Job) -> None:
        from train.progress import doing

        mnist = job.mnist
        self._job = job
        self._digits = (mnist.train_images, mnist.train_labels) if job.final else mnist.fit_part()
        with doing("drawing the lines to validate on", at_once=not job.final):
            self._validation = None if job.final else TASK.validation(job.recipe, mnist)
        self.steps = DRAWN // BLOCK * -(-BLOCK // job.recipe.batch)
        self.facts = {"training set": f"{len(self._digits[0])} digits of {mnist.sha256}"}

    @contextmanager
    def draw(self, first: int) -> Iterator[Epochs[Lines]]:
        """Draw the lines of the epochs; those after `augmented_epochs` show earlier ones again in turn."""
        job = self._job
        count = min(job.recipe.augmented_epochs, job.epochs)
        with ExitStack() as stack:
            folder = job.plan.pool or Path(stack.enter_context(TemporaryDirectory()))
            pool = ImagePool(folder, LineDrawer(*self._digits, DRAWN), count, first)
            yield PoolEpochs(stack.enter_context(pool), count)

    def learn(self, learner: "Learner", drawn: Lines, rng: np.random.Generator) -> dict[str, float]:
        """Train on blocks of lines, in each of them those of similar width together."""
        order = rng.permutation(len(drawn.images))
        total = 0.0
        for start in range(0, len(order), BLOCK):
            block = np.sort(order[start : start + BLOCK])
            images, labels = drawn.images[block], drawn.labels[block]
            inked: NDArray[np.bool_] = np.asarray(images.any(1))
            ends = images.shape[2] - inked[:, ::-1].argmax(1)
            group = np.asarray(np.searchsorted(WIDTHS, ends + rng.integers(0, 8, len(ends)), "left"))
            group = group.clip(max=len(WIDTHS) - 1)
            for number in rng.permutation(len(WIDTHS)):
                mine = np.flatnonzero(np.equal(group, number))
                if len(mine):
                    cut = images[mine, :, : WIDTHS[number]]
                    loss, _ = learner.epoch(cut, labels[mine], None, rng.permutation(len(mine)))
                    total += loss * len(mine)
        return {"loss": total / len(order)}

    def validate(self, network: "keras.Model") -> dict[str, float]:
        """Return the accuracy on lines of validation digits."""
        return {} if self._validation is None else {"val_lines": measure_accuracy(network, self._validation)}

    def score(self, network: "keras.Model", trained: Trained) -> LineResult:
        """Score the network on lines of validation and test digits."""
        from train.network import summarise

        job = self._job
        return LineResult(
            recipe=job.recipe,
            seed=job.plan.seed,
            epochs=job.epochs,
            final=job.final,
            seconds=trained.seconds,
            parameters=network.count_params(),
            precision=job.precision,
            summary=summarise(network),
            history=trained.history,
            validation=measure_accuracy(network, self._validation) if self._validation else None,
            test=measure_accuracy(network, TASK.test(job.recipe, job.mnist)),
            data_sha256=job.mnist.sha256,
            versions=versions(*LIBRARIES),
        )


def measure_accuracy(network: "keras.Model", sample: Sample) -> float:
    """Return the share of lines that the network reads exactly, 0 to 1."""
    logits = network.predict(sample.images, batch_size=PREDICT_BATCH, verbose=0)
    return float(np.mean(TASK.decode(logits) == sample.truth))


def _sample(lines: Lines) -> Sample:
    return Sample(lines.images, lines.texts())


def _card(exported: Exported) -> str:
    recipe, training = exported.recipe, exported.training
    return f"""{card.heading(recipe, training)}

Reads the digits of one row, as `edge_runtime.find.line` cuts it out of a page and scales it to 32x192, whether they
touch or not. Dots, dashes and other signs between them are left out.

## Data

Lines drawn with single digits of MNIST (Yann LeCun, Corinna Cortes, Christopher Burges; CC BY-SA 3.0), SHA-256
`{training["data_sha256"]}`: `train/synthetic/lines.py`. Some digits are redrawn in the shapes of other schools
(`train/synthetic/hands.py`). It was not trained on lines that people wrote.

![Lines that it was trained on]({SAMPLE})

## Method

`python -m train {recipe.name}`, seed {training["seed"]}, {training["epochs"]} epochs in batches of
{recipe.batch}, {recipe.optimizer}, the loss of connectionist temporal classification,
products in {training["precision"]}:
{training["seconds"]:.0f} s.

## Figures

On {JUDGED:,} lines drawn with test digits, as raw arrays through the runtime's own interpreters: lines read exactly.
Agreement is with the trained network, on lines drawn with validation digits. Nobody could read many of these lines.

{card.accuracy_table(exported.manifest, TASK.metric, "lines read exactly")}

Other people's lines are measured by `python -m benchmarks pages`; the README has the figures.

## Limits

A row of more than about eight digits is read in parts. Digits that overlap are read less well than digits that touch,
and so is handwriting far from MNIST's. Not for use where a wrong digit can harm somebody and nobody checks it.
"""


TASK: Task[LineResult] = LineTask()
