"""Pages: tiles of a gray page, in which strokes of digits are separated from everything else."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import PAGE, Bundle, load_page_bundle
from edge_runtime.common.versions import versions
from edge_runtime.images.files import to_gray
from edge_runtime.segmentation.outputs import CELL, TILE, Kind, split
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Images
from train import card
from train.augmentation.pages import vary
from train.data import writers
from train.data.mnist import Mnist
from train.data.pool import ImagePool, PoolEpochs
from train.data.writers import Handwriting
from train.plan import NETWORK
from train.recipes import Recipe
from train.results import LIBRARIES, Result
from train.synthetic.page_samples import PageDrawer, PageSamples
from train.synthetic.page_targets import IGNORED, ONE, SQUARES, make_targets
from train.tasks import Epochs, Evidence, Exported, Job, Limits, Logits, Sample, Session, Task, Trained
from train.team import LearnerSettings, Team

if TYPE_CHECKING:
    import keras

    from train.learner import Learner
    from train.losses import Loss

DRAWN = 2_000  # samples of an epoch
BLOCK = 125  # samples that are varied at once; processes average their states after each
JUDGED = 300  # samples of validation digits, and as many of test digits at the end
JUDGE_EPOCH, TEST_EPOCH, CALIBRATION_EPOCH = 1_000_000, 1_000_001, 1_000_002  # numbers of their epochs
CALIBRATION = 200  # samples of training digits
PREDICT_BATCH = 20  # tiles
LIMITS = Limits(loss=0.01, agreement=0.95)  # of squares
SAMPLE, SAMPLE_COLUMNS, SAMPLE_ROWS = "pages.png", 6, 4  # the image of training samples
GOLDEN_TEXT, GOLDEN_SIZE = "31415", 28  # rows of the tile; pixels: height of its digits


@dataclass(frozen=True, kw_only=True)
class PageResult(Result):
    """What the training of a page network reports: intersection over union of each kind of square, 0 to 1."""

    validation: dict[str, float] | None  # on samples of validation digits; None in a final training
    test: dict[str, float]  # on samples of test digits
    beginning: dict[str, Any]  # processes and the network that the training began with

    def metrics(self) -> dict[str, Any]:
        """Return all metrics, ready for JSON."""
        return {
            **self.facts(),
            "samples": {"drawn": DRAWN * min(self.recipe.augmented_epochs, self.epochs), "judged": JUDGED},
            **self.beginning,
            "validation_iou": self.validation,
            "test_iou": self.test,
        }


class PageTask:
    """Page networks: networks that give logits for each square and each cell of a tile."""

    image: tuple[int | None, ...] = PAGE
    exported_image = PAGE
    content = "a tile of a gray page"
    generated = True
    takes_extra = False
    shares = True
    metric = "test_squares"
    validation_name = "samples of validation digits"
    recorded: tuple[str, ...] = ("test_iou", "started_from")

    def loss(self, recipe: Recipe) -> "Loss":
        """Return the loss of the page network."""
        from train.page_loss import page_loss

        return page_loss

    def start(self, job: Job) -> "Session[PageSamples, PageResult]":
        """Draw the samples to validate on."""
        return PageSession(job)

    def write(self, result: PageResult, mnist: Mnist, folder: Path) -> None:
        """Write metrics and an image of samples into a run folder."""
        (folder / "summary.txt").write_text(result.summary, encoding="utf-8")
        (folder / "history.csv").write_text(result.history_csv(), encoding="utf-8")
        (folder / SAMPLE).write_bytes(_sheet(_draw(writers.fit_part(mnist), SAMPLE_COLUMNS * SAMPLE_ROWS, 0).images))
        (folder / "metrics.json").write_text(json.dumps(result.metrics(), indent=2) + "\n", encoding="utf-8")

    def describe(self, metrics: dict[str, Any]) -> str:
        """Return the intersection over union of digits."""
        return f"intersection over union of digits {metrics['test_iou']['digit']:.3f}, {metrics['seconds']:.0f} s"

    def calibration(self, recipe: Recipe, mnist: Mnist) -> Images:
        """Return tiles of training digits; the first has the full range of pixels."""
        tiles = _draw(writers.fit_part(mnist), CALIBRATION, CALIBRATION_EPOCH).images
        tiles[0, 0, :2] = 0, 255
        return tiles

    def validation(self, recipe: Recipe, mnist: Mnist) -> Sample:
        """Return tiles of validation digits."""
        return _draw(writers.validation_part(mnist), JUDGED, JUDGE_EPOCH)

    def test(self, recipe: Recipe, mnist: Mnist) -> Sample:
        """Return tiles of test digits."""
        return _draw(writers.test_part(mnist), JUDGED, TEST_EPOCH)

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the kind of each square of N tiles, (N, 16384)."""
        kinds = split(outputs).kinds
        return np.asarray(kinds.argmax(3).reshape(len(kinds), -1))

    def limits(self, recipe: Recipe) -> Limits:
        """Return what a conversion may cost."""
        return LIMITS

    def evidence(self, logits_of: Callable[[Images], Logits], sample: Sample) -> Evidence | None:
        """Return None: the network gives no confidence of digits."""
        return None

    def golden_images(self) -> tuple[Images, int]:
        """Return a tile of a drawn page, uint8 (1, 256, 256)."""
        page = draw_page([GOLDEN_TEXT] * 4, (TILE, TILE), GOLDEN_SIZE, 0)
        return to_gray(page.image)[np.newaxis], 1

    def card(self, exported: Exported) -> dict[str, bytes]:
        """Return the card and the image of training samples."""
        files = {card.NAME: _card(exported).encode()}
        if (exported.folder / SAMPLE).is_file():
            files[SAMPLE] = (exported.folder / SAMPLE).read_bytes()
        return files

    def load(self, folder: Path) -> Bundle:
        """Open a bundle that segments pages."""
        return load_page_bundle(folder)


class PageSession:
    """One training on pages."""

    def __init__(self, job: Job) -> None:
        from train.progress import doing

        mnist = job.mnist
        self._job = job
        self._digits = writers.all_of(mnist) if job.final else writers.fit_part(mnist)
        with doing("drawing the samples to validate on", at_once=not job.final):
            self._validation = None if job.final else TASK.validation(job.recipe, mnist)
        self._team: Team | None = None
        self.steps = DRAWN // BLOCK // job.plan.processes * -(-BLOCK // job.recipe.batch)
        self.facts = {"training set": f"{len(self._digits.images)} digits of {mnist.sha256}"}

    @contextmanager
    def draw(self, first: int) -> Iterator[Epochs[PageSamples]]:
        """Draw the samples of the epochs; those after `augmented_epochs` show earlier ones again in turn."""
        job = self._job
        count = min(job.recipe.augmented_epochs, job.epochs)
        with ExitStack() as stack:
            folder = job.plan.pool or Path(stack.enter_context(TemporaryDirectory()))
            pool = ImagePool(folder, PageDrawer(*self._digits, DRAWN), count, first)
            stack.callback(self._end_team)
            yield PoolEpochs(stack.enter_context(pool), count)

    def learn(self, learner: "Learner", drawn: PageSamples, rng: np.random.Generator) -> dict[str, float]:
        """Train on varied tiles of all samples, in as many processes as the plan has."""
        processes = self._job.plan.processes
        if processes == 1:
            return {"loss": _train(learner, drawn, rng, lambda: None)}
        job = self._job
        if self._team is None:
            settings = LearnerSettings(job.recipe, job.precision, self.steps, job.epochs)
            self._team = Team(settings, _train, learner, processes)
        count = len(drawn.images) // (BLOCK * processes) * BLOCK
        order = rng.permutation(len(drawn.images))
        parts = [np.sort(order[start : start + count]) for start in range(0, count * processes, count)]
        shares = [PageSamples(*(column[part] for column in drawn)) for part in parts]
        return {"loss": self._team.epoch(learner, shares, rng)}

    def _end_team(self) -> None:
        if self._team:
            self._team.close()

    def validate(self, network: "keras.Model") -> dict[str, float]:
        """Return the intersection over union of digits, on samples of validation digits."""
        return {} if self._validation is None else {"val_digit_iou": measure_iou(network, self._validation)["digit"]}

    def score(self, network: "keras.Model", trained: Trained) -> PageResult:
        """Score the network on samples of validation and test digits."""
        from train.network import summarise

        job = self._job
        return PageResult(
            recipe=job.recipe,
            seed=job.plan.seed,
            epochs=job.epochs,
            final=job.final,
            seconds=trained.seconds,
            parameters=network.count_params(),
            precision=job.precision,
            summary=summarise(network),
            history=trained.history,
            validation=measure_iou(network, self._validation) if self._validation else None,
            test=measure_iou(network, TASK.test(job.recipe, job.mnist)),
            beginning=job.plan.facts,
            data_sha256=job.mnist.sha256,
            versions=versions(*LIBRARIES),
        )


def _train(learner: "Learner", drawn: PageSamples, rng: np.random.Generator, average: Callable[[], None]) -> float:
    """Train on varied tiles of all samples, and call `average` after each block; returns the mean loss."""
    order, total = rng.permutation(len(drawn.images)), 0.0
    blocks = [np.sort(order[start : start + BLOCK]) for start in range(0, len(order), BLOCK)]
    seeds = rng.integers(0, 1 << 62, len(blocks)).tolist()
    with ThreadPoolExecutor(1) as pool:  # varies the next block while the network trains on this one
        for tiles, targets in pool.map(partial(_vary, drawn), blocks, seeds):
            loss, _ = learner.epoch(tiles, targets, None, rng.permutation(len(tiles)))
            total += loss * len(tiles)
            average()
    return total / len(order)


def _vary(drawn: PageSamples, part: NDArray[np.intp], seed: int) -> tuple[Images, NDArray[np.uint8]]:
    """Return varied tiles of a part of the samples, and their targets."""
    tiles = vary(PageSamples(*(column[part] for column in drawn)), np.random.default_rng(seed))
    return tiles.images, make_targets(tiles)


def measure_iou(network: "keras.Model", sample: Sample) -> dict[str, float]:
    """Return the intersection over union of the true and the predicted squares of each kind, 0 to 1."""
    given = TASK.decode(network.predict(sample.images, batch_size=PREDICT_BATCH, verbose=0))
    known = sample.truth != IGNORED
    found = {}
    for kind in Kind:
        mine, true = (given == kind) & known, sample.truth == kind
        found[kind.name.lower()] = float((mine & true).sum() / max(1, (mine | true).sum()))
    return found


def _draw(digits: Handwriting, count: int, epoch: int) -> Sample:
    """Return the middle parts of samples, and the kinds of their squares, (N, 16384), IGNORED without a truth."""
    drawn = PageDrawer(*digits, count).epoch(epoch)
    edge = (drawn.images.shape[1] - TILE) // 2
    pixels = np.s_[:, edge:-edge, edge:-edge]
    cells = np.s_[:, edge // CELL : -edge // CELL, edge // CELL : -edge // CELL]
    parts = PageSamples(drawn.images[pixels], drawn.truth[pixels], drawn.heights[cells], drawn.turns)
    return Sample(np.ascontiguousarray(parts.images), _kinds(make_targets(parts)))


def _kinds(targets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the kinds of squares in targets, IGNORED without a truth."""
    kinds = targets[:, :SQUARES].copy()
    kinds[kinds == ONE] = Kind.DIGIT
    return kinds


def _sheet(images: Images) -> bytes:
    """Return tiles side by side as a PNG file."""
    grid = images[: SAMPLE_ROWS * SAMPLE_COLUMNS, ::2, ::2].reshape(SAMPLE_ROWS, SAMPLE_COLUMNS, TILE // 2, TILE // 2)
    sheet = grid.swapaxes(1, 2).reshape(SAMPLE_ROWS * TILE // 2, -1)
    return bytes(cv2.imencode(".png", sheet)[1])


def _card(exported: Exported) -> str:
    recipe, training = exported.recipe, exported.training
    found = training["test_iou"]
    kinds = "\n".join(f"| {kind} | {share:.3f} |" for kind, share in found.items())
    return f"""{card.heading(recipe, training)}

Separates the strokes of digits and marks from other ink and from the background in a tile of a gray page, 256x256
pixels, of any light and polarity. It also gives the labels and heights of the digits and the turn of the page, each
for cells of 8x8 pixels. The layout of its outputs is in `edge_runtime/segmentation/outputs.py`.

## Data

Parts of generated pages (`train/synthetic/scenes`), with digits of MNIST (Yann LeCun, Corinna Cortes, Christopher
Burges; CC BY-SA 3.0), SHA-256 `{training["data_sha256"]}`, as strokes, by writer. It was not trained on photographs.

![Tiles that it was trained on]({SAMPLE})

## Method

`python -m train {recipe.name}`, seed {training["seed"]}, {training["epochs"]} epochs of {DRAWN:,} samples in batches of
{recipe.batch}, {recipe.optimizer}, products in {training["precision"]}: {training["seconds"]:.0f} s.
{_beginning(training)}

## Figures

On {JUDGED} tiles with test digits: squares of 2x2 pixels with the right kind. Agreement is with the trained network, on
tiles with validation digits.

{card.accuracy_table(exported.manifest, TASK.metric, "right squares")}

Intersection over union of the true and the predicted squares of the trained network:

| kind | intersection over union |
| --- | ---: |
{kinds}

`python -m benchmarks pages` measures what the reader makes of it; `docs/figures/pages.md` has the figures.

## Limits

It has learned digits of 11 to 80 pixels; the runtime shows it pages at several scales. Not for use where a wrong digit
can harm somebody and nobody checks it.
"""


def _beginning(training: dict[str, Any]) -> str:
    """Return what the training began with, as a sentence; empty for random weights."""
    if not training["started_from"]:
        return ""
    return f"It began with the weights of a `{NETWORK}` of SHA-256 `{training['started_from']}`."


TASK: Task[PageResult] = PageTask()
