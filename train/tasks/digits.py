"""Single digits: one 28x28 image, ten classes or eleven with non-digits."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundles.bundle import DIGIT, Bundle, load_bundle
from edge_runtime.common.versions import versions
from edge_runtime.normalise import normalise
from edge_runtime.synthetic.digits import draw_digit
from edge_runtime.types import Images
from train.data.extra import SHOWN
from train.data.mnist import Bytes, Mnist, normalised
from train.recipes import Recipe
from train.results import CLASSES, LIBRARIES, DigitResult, Predictions
from train.synthetic.nondigits import NonDigits
from train.tasks import Epochs, Evidence, Exported, Job, Limits, Logits, Sample, Session, Task, Trained

if TYPE_CHECKING:
    import keras

    from train.data.epochs import Epoch
    from train.learner import Learner
    from train.losses import Loss
    from train.teacher import Teacher

SCORE_BATCH = 1000  # digits
CALIBRATION = 1000  # digits, about a hundred of each
CALIBRATION_NONDIGITS = 250  # beside them, for a network that has an output for non-digits
CALIBRATION_SEED = 1  # of these; those of training have another
KEPT = 0.99  # share of the validation digits that is accepted by default
OURS = Limits(loss=0.0010, agreement=0.995)
REPRODUCTIONS = Limits(loss=0.0030, agreement=0.990)  # small networks with sigmoid outputs: closer calls
HANDS = 20  # drawings of each digit, of which the self-test takes the clearest


class DigitTask:
    """Networks that read one digit."""

    image: tuple[int | None, ...] = DIGIT
    exported_image = DIGIT
    content = "a digit, ink bright on 0"
    generated = False
    takes_extra = True
    shares = False
    metric = "mnist_test"
    validation_name = "validation digits"
    recorded: tuple[str, ...] = ("waiting_share", "teachers")

    def loss(self, recipe: Recipe) -> "Loss":
        """Return the recipe's loss, with the teachers' part where it has one."""
        from train.losses import digit_loss

        return digit_loss(recipe)

    def start(self, job: Job) -> Session["Epoch", DigitResult]:
        """Open the teachers and normalise the digits."""
        return DigitSession(job)

    def write(self, result: DigitResult, mnist: Mnist, folder: Path) -> None:
        """Write metrics, tables and figures into a run folder."""
        from train import report

        report.write(result, mnist, folder)

    def describe(self, metrics: dict[str, Any]) -> str:
        """Return accuracies and loss, and the user's own digits where there were any."""
        text = f"test accuracy {metrics['test_accuracy']:.2%}, loss {metrics['test_loss']:.4f}"
        if metrics["validation_accuracy"] is not None:
            text += f", validation {metrics['validation_accuracy']:.2%}"
        if metrics["published"]:
            text += f" (published {metrics['published']['test_accuracy']:.2%})"
        text += f", {metrics['parameters']:,} parameters, {metrics['seconds']:.0f} s"
        text += f", {metrics['waiting_share']:.0%} of it waiting for images"
        return f"{text}\n{_describe_extra(metrics)}" if metrics.get("extra") else text

    def calibration(self, recipe: Recipe, mnist: Mnist) -> Images:
        """Return normalised training digits, with non-digits where the network was trained on them."""
        images, labels = mnist.fit_part()
        some = slice(None, None, len(images) // CALIBRATION)
        digits = normalised(images[some])
        if not recipe.nondigits:
            return digits
        nondigits = NonDigits(digits, labels[some], CALIBRATION_SEED, CALIBRATION_NONDIGITS).epoch(0)
        return np.concatenate([digits, nondigits])

    def validation(self, recipe: Recipe, mnist: Mnist) -> Sample:
        """Return the validation digits, as the network was trained on them."""
        return _view(recipe, *mnist.validation_part())

    def test(self, recipe: Recipe, mnist: Mnist) -> Sample:
        """Return the test digits, as the network was trained on them."""
        return _view(recipe, mnist.test_images, mnist.test_labels)

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the labels, 0 to 9: the most likely digit, even where a non-digit is more likely."""
        return np.asarray(outputs[:, :CLASSES].argmax(1))

    def limits(self, recipe: Recipe) -> Limits:
        """Return what a conversion may cost."""
        return REPRODUCTIONS if recipe.reproduction else OURS

    def evidence(self, logits_of: Callable[[Images], Logits], sample: Sample) -> Evidence:
        """Return the logits of the validation digits."""
        return Evidence(logits_of(sample.images), sample.truth, KEPT)

    def golden_images(self) -> tuple[Images, int]:
        """Return drawn digits, uint8 (10 * HANDS, 28, 28), by label."""
        drawn = [normalise(draw_digit(label, seed)) for label in range(CLASSES) for seed in range(HANDS)]
        return np.stack(drawn), HANDS

    def card(self, exported: Exported) -> dict[str, bytes]:
        """Return the card, the curves of the training and an image of misread digits."""
        from train import digit_card

        return digit_card.files(exported)

    def load(self, folder: Path) -> Bundle:
        """Open a bundle that reads digits."""
        return load_bundle(folder)


class DigitSession:
    """One training on digits."""

    def __init__(self, job: Job) -> None:
        from train import teacher
        from train.data.epochs import DigitSet, nondigit_count
        from train.progress import doing

        recipe, mnist, plan = job.recipe, job.mnist, job.plan
        self._job = job
        self._teachers: Sequence[Teacher] = []
        if recipe.distil:
            self._teachers = teacher.read(plan.teachers, recipe, job.final or plan.final_teachers, job.precision)
        with doing(f"normalising MNIST for {recipe.name}"):
            images, labels = (mnist.train_images, mnist.train_labels) if job.final else mnist.fit_part()
            images = _view(recipe, images, labels).images
            validation = None if job.final else _view(recipe, *mnist.validation_part())
        if plan.extra:
            images = np.concatenate([images, plan.extra.images])
            labels = np.concatenate([labels, plan.extra.labels])
        self._digits = DigitSet(images, labels, validation)
        self.steps = -(-(len(images) + nondigit_count(recipe, len(images))) // recipe.batch)
        extra = f" and {plan.extra.sha256}" if plan.extra else ""
        self.facts = {
            "training set": f"{len(images)} digits of {mnist.sha256}{extra}",
            "teacher": [each.facts["sha256"] for each in self._teachers],
        }

    def draw(self, first: int) -> AbstractContextManager[Epochs["Epoch"]]:
        """Draw the augmented digits and the non-digits of the epochs."""
        from train.data.epochs import draw_epochs

        job = self._job
        return draw_epochs(job.recipe, self._digits, self._teachers, job.precision, job.plan.pool, job.epochs)

    def learn(self, learner: "Learner", drawn: "Epoch", rng: np.random.Generator) -> dict[str, float]:
        """Train on every image once, in random order."""
        order = rng.permutation(len(drawn.images))
        loss, accuracy = learner.epoch(drawn.images, drawn.labels, drawn.soft, order)
        return {"accuracy": accuracy, "loss": loss}

    def validate(self, network: "keras.Model") -> dict[str, float]:
        """Return accuracy and loss on the validation digits."""
        if self._digits.validation is None:
            return {}
        found = predict(self._job.recipe, network, *self._digits.validation)
        return {"val_accuracy": found.accuracy, "val_loss": found.loss}

    def score(self, network: "keras.Model", trained: Trained) -> DigitResult:
        """Score the network on training, validation and test digits, and on the user's own."""
        from train.network import summarise

        job, digits, extra = self._job, self._digits, self._job.plan.extra
        recipe, mnist = job.recipe, job.mnist

        def score(images: Bytes, labels: Bytes) -> Predictions:
            return predict(recipe, network, images, labels)

        return DigitResult(
            recipe=recipe,
            seed=job.plan.seed,
            epochs=job.epochs,
            final=job.final,
            seconds=trained.seconds,
            waiting_share=trained.waited / max(trained.seconds, 1e-9),
            parameters=network.count_params(),
            precision=job.precision,
            teachers=[each.facts for each in self._teachers],
            summary=summarise(network),
            history=trained.history,
            train=score(digits.images, digits.labels),
            validation=score(*digits.validation) if digits.validation else None,
            test=score(*_view(recipe, mnist.test_images, mnist.test_labels)),
            data_sha256=mnist.sha256,
            extra=score(extra.images, extra.labels) if extra else None,
            extra_paths=extra.paths if extra else (),
            versions=versions(*LIBRARIES),
        )


def predict(recipe: Recipe, network: "keras.Model", images: Bytes, labels: Bytes) -> Predictions:
    """Return what a network reads in uint8 (N, 28, 28) images, and its mean loss."""
    import keras

    targets = labels if recipe.loss.startswith("sparse") else np.eye(recipe.classes, dtype=np.float32)[labels]
    # Keras' own, which computes the loss of sigmoid outputs from the numbers before the sigmoid.
    loss_of = keras.losses.get(recipe.loss)
    loss, predicted = 0.0, []
    for start in range(0, len(images), SCORE_BATCH):
        part = slice(start, start + SCORE_BATCH)
        # Called without compiling, which would cost more than these few calls.
        outputs = network(images[part].astype(np.float32), training=False)
        loss += float(keras.ops.sum(loss_of(targets[part], outputs)))
        predicted.append(keras.ops.convert_to_numpy(outputs)[:, :CLASSES].argmax(1))
    return Predictions(loss=loss / len(images), labels=labels, predicted=np.concatenate(predicted).astype(np.uint8))


def _view(recipe: Recipe, images: Bytes, labels: Bytes) -> Sample:
    """Return digits as a network sees them: one that is trained on augmented digits knows only normalised ones."""
    return Sample(normalised(images) if recipe.augments else images, labels)


def _describe_extra(metrics: dict[str, Any]) -> str:
    count, misread = metrics["extra"], metrics["extra_misread"]
    named = ", ".join(f"{each['path']} as {each['read']}" for each in misread[:SHOWN])
    more = f" and {len(misread) - SHOWN} more" if len(misread) > SHOWN else ""
    text = f"--extra: after training on them, {count - len(misread)} of {count} images are read right"
    return f"{text} ({metrics['extra_accuracy']:.2%})" + (f"; misread: {named}{more}" if misread else "")


TASK: Task[DigitResult] = DigitTask()
