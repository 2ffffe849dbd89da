"""From a run folder to a bundle: the steps of an export, in their order."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_runtime.bundles.bundle import Shapes
from edge_runtime.bundles.golden import NAME as GOLDEN
from edge_runtime.errors import UsageError
from edge_runtime.types import Images
from export import bundle, confidence, formats, golden, onnx, parity, tflite
from export.confidence import Confidence
from export.errors import RunError
from export.logits import Logits, logits_model, outputs
from export.run import Run, read_run
from train.data.mnist import Mnist, load_mnist
from train.network import fix_shape
from train.tasks import Exported, Sample


@dataclass(frozen=True)
class Measured:
    """The exported files against the trained network."""

    files: dict[str, Any]  # the manifest's entries, by format
    keras: dict[str, Any]  # the trained network's own
    answers: dict[str, NDArray[Any]]  # on the test images, by format


def export_run(
    folder: Path,
    out: Path,
    data: Path | None = None,
    overwrite: bool = False,
    tell: Callable[[str], None] = print,
    validated: Path | None = None,
) -> dict[str, Any]:
    """Convert a run, compare the result with the trained network, and write it as a bundle; returns the manifest.

    folder: what `python -m train` wrote; out: the bundle's folder; data: MNIST, as for `load_mnist`.
    tell: takes a line of progress. validated: a run of the same recipe that kept validation digits back, for a final
    run: temperature and thresholds are measured on these.

    Raises UsageError where `validated` would have no effect, RunError, DataError, ParityError or OutputError; then
    nothing has been written.
    """
    bundle.check_target(out, overwrite)
    tell(f"reading {folder}")
    run = read_run(folder)
    other = _validated(run, validated)
    tell("reading MNIST")
    mnist = load_mnist(data)
    task, recipe = run.task, run.recipe
    calibration = task.calibration(recipe, mnist)
    logits = _logits(run, calibration)
    models = formats.convert(logits.model, calibration, recipe.per_channel, tell)
    parity.check_size("tflite_int8", len(models["tflite_int8"]), recipe.max_bytes)

    validation = task.validation(recipe, mnist)
    measured = _measure(run, mnist, logits, models, validation, tell)
    sure = None
    if other is not None:
        tell(f"measuring confidence on {len(validation.images):,} {task.validation_name}")
        model = models["tflite_int8"] if other is run else _int8(other, mnist)
        found = task.evidence(partial(parity.logits, "tflite_int8", model), validation)
        if found is not None:
            sure = confidence.measure(found.logits, found.labels, logits.activation == "softmax", found.kept)
    manifest, known = _manifest(run, logits, models, measured, sure)
    if not task.generated:
        manifest["validated"] = other.training if other else None
    contents = {formats.PATHS[kind]: model for kind, model in models.items()} | {GOLDEN: known}
    contents[formats.KERAS] = (folder / formats.KERAS).read_bytes()  # the reference for comparisons
    answers = measured.answers["tflite_int8"]
    contents |= task.card(Exported(folder, recipe, run.training, manifest, mnist, answers))
    bundle.write(out, contents, manifest, overwrite, task.load)
    return manifest


def _validated(run: Run, folder: Path | None) -> Run | None:
    """Return the run whose validation images the confidence is measured on, if there is one."""
    if run.task.generated:
        if folder is not None:
            raise UsageError("--validated has no effect: validation images are generated, for a final run as well")
        return run
    if not run.training["final"]:
        if folder is not None:
            raise UsageError("--validated has no effect: the run kept validation digits back itself")
        return run
    if folder is None:
        return None
    other = read_run(folder)
    if other.recipe != run.recipe or other.training["final"] or not other.recipe.validate:
        raise RunError(f"{folder} holds no run of {run.recipe.name} that kept digits back: train one without --final")
    return other


def _logits(run: Run, calibration: Images) -> Logits:
    return logits_model(fix_shape(run.model, run.recipe, run.task.exported_image), calibration)


def _int8(run: Run, mnist: Mnist) -> bytes:
    calibration = run.task.calibration(run.recipe, mnist)
    return tflite.convert_int8(_logits(run, calibration).model, calibration, run.recipe.per_channel)


def _measure(
    run: Run,
    mnist: Mnist,
    logits: Logits,
    models: dict[str, bytes],
    validation: Sample,
    tell: Callable[[str], None],
) -> Measured:
    """Compare the formats with the trained network and measure their accuracy; raises ParityError."""
    task, recipe = run.task, run.recipe
    network = fix_shape(run.model, recipe, task.exported_image)
    tell(f"comparing with the trained network on {len(validation.images):,} {task.validation_name}")
    trained = task.decode(outputs(network, validation.images))
    agreement = {}
    for kind, model in models.items():
        given = task.decode(parity.logits(kind, model, validation.images))
        answers = parity.Answers(given, trained, validation.truth)
        parity.check_answers(kind, answers, task.limits(recipe), task.validation_name)
        agreement[kind] = parity.accuracy(given, trained)

    test = task.test(recipe, mnist)
    tell(f"measuring on {len(test.images):,} test images")
    read = {kind: task.decode(parity.logits(kind, model, test.images)) for kind, model in models.items()}
    tensors = {kind: tflite.inspect(models[kind]).tensors() for kind in ("tflite_float", "tflite_int8")}
    tensors |= onnx.tensors(logits.model.input_shape[1:], logits.model.output_shape[1:])
    files = {
        kind: bundle.describe(
            formats.PATHS[kind],
            model,
            tensors[kind],
            accuracy={task.metric: parity.accuracy(read[kind], test.truth)},
            agreement=agreement[kind],
        )
        for kind, model in models.items()
    }
    own = parity.accuracy(task.decode(outputs(network, test.images)), test.truth)
    return Measured(files, {"accuracy": {task.metric: own}}, read)


def _manifest(
    run: Run, logits: Logits, models: dict[str, bytes], measured: Measured, sure: Confidence | None
) -> tuple[dict[str, Any], bytes]:
    """Return the manifest and the golden file that it names."""
    shapes = Shapes(run.task.exported_image, tuple(logits.model.output_shape[1:]))
    known, entry = golden.make(models, shapes)
    facts = bundle.Facts(
        name=run.recipe.name,
        summary=run.recipe.summary,
        content=run.task.content,
        activation=logits.activation,
        shapes=shapes,
        files=measured.files,
        keras=measured.keras,
        confidence=sure,
        training=run.training,
        golden=entry,
    )
    return bundle.manifest(facts), known
