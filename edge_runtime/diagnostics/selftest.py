"""Run installed backends on golden inputs on this device, each in its own process.

A wheel built for another processor kills the whole process (SIGILL), so each backend is tested in a child:
`python -m edge_runtime.diagnostics.selftest BACKEND KIND FOLDER...` prints a line of JSON for each bundle.
"""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edge_runtime.backends import KINDS, NUMPY, is_installed, notice_numpy, open_backend
from edge_runtime.bundles.bundle import LINE, PAGE, Bundle, Shape, load_bundle, load_line_bundle, load_page_bundle
from edge_runtime.bundles.golden import STEPS, difference_in_steps, load_golden
from edge_runtime.errors import BackendError, UnsupportedModelError
from edge_runtime.limits import SELF_TEST_SECONDS

LOADERS: dict[str, Callable[[Path], Bundle]] = {
    "digits": load_bundle,
    "lines": load_line_bundle,
    "pages": load_page_bundle,
}
KINDS_OF_BUNDLES: dict[Shape, str] = {LINE: "lines", PAGE: "pages"}  # by the image; all others read digits
MARK = "edge-digits self-test: "  # prefix of the result lines of the child
FEW = 2  # images that are also run one by one, which backends handle differently

_known: dict[str, str] = {}  # results of `find_working_backend`, by the manifests of its bundles


class State(StrEnum):
    """The result of a backend with a bundle."""

    WORKS = "works"
    UNSUPPORTED = "unsupported"  # it reports that it cannot run this kind of model
    REFUSED = "refused"  # it reports that it cannot be used; auto takes the next one
    FAILED = "failed"  # it crashes, hangs or gives wrong outputs, which auto does not notice


class Result(NamedTuple):
    """One backend with one bundle."""

    backend: str
    model: str
    state: State
    steps: float | None = None  # difference of its outputs from the golden ones; None if not compared
    reason: str = ""  # what is wrong, in one line


def installed_backends() -> list[str]:
    """Return the installed real backends, in the order in which auto tries them."""
    return [name for name, kind in KINDS.items() if kind.library and is_installed(name)]


def find_working_backend(bundle: Bundle, *more: Bundle, report: Callable[[str], None] = lambda line: None) -> str:
    """Return the first installed backend that passes the self-test; for a service before it starts.

    bundle: the backend must run it. more: bundles that it may report as unsupported. report: called with a line for
    each backend that fails. If only NumPy passes, a notice says so. The result is cached in this process for the same
    bundles. Raises BackendError if no backend passes, and ModelError if a model does not match its manifest.
    """
    key = json.dumps([each.manifest for each in (bundle, *more)])
    if key not in _known:
        _known[key] = _find_working_backend([bundle, *more], report)
    return _known[key]


def _find_working_backend(bundles: Sequence[Bundle], report: Callable[[str], None]) -> str:
    reasons = []
    for bundle in bundles:
        load_golden(bundle)  # raises for broken golden data, which is not the fault of a backend
    for name in installed_backends():
        file = bundles[0].files.get(KINDS[name].model or "")
        if file is None:
            continue
        file.load()  # raises for a broken model, which is not the fault of a backend
        found = try_backend(name, bundles)
        wrong = [
            result
            for number, result in enumerate(found)
            if result.state is not State.WORKS and not (number and result.state is State.UNSUPPORTED)
        ]
        if not wrong:
            if name == NUMPY:
                notice_numpy()
            return name
        reasons.append(f"{name}: {wrong[0].reason}")
        report(f"the backend {reasons[-1]}; trying the next")
    parts = [f"no backend passes the self-test with {bundles[0].name}", *reasons, KINDS["litert"].install]
    raise BackendError("; ".join(parts))


def try_backend(name: str, bundles: Sequence[Bundle]) -> list[Result]:
    """Run an installed backend on the golden inputs of each bundle, in a child process.

    If a bundle kills the child, a new child continues with the next bundle; if the child hangs, the rest fails too.
    """
    results: list[Result] = []
    while len(results) < len(bundles):
        left = bundles[len(results) :]
        found, fault = _child(name, left)
        results += found
        if len(found) < len(left):
            results.append(Result(name, left[len(found)].name, State.FAILED, None, fault))
    return results


def check(name: str, bundle: Bundle) -> Result:
    """Run a backend on the golden inputs of a bundle in this process, or on a blank image if it has none."""
    golden = load_golden(bundle)
    wanted = golden.outputs.get(KINDS[name].model or "") if golden else None
    images = golden.images if golden else np.zeros((1, *bundle.shapes.image), np.uint8)
    try:
        _, backend = open_backend(name, bundle)
        given = [backend.run(images), *(backend.run(images[at : at + 1]) for at in range(min(FEW, len(images))))]
    except UnsupportedModelError as error:
        return Result(name, bundle.name, State.UNSUPPORTED, None, str(error))
    except BackendError as error:
        return Result(name, bundle.name, State.REFUSED, None, str(error))
    if wanted is None:
        return Result(name, bundle.name, State.WORKS)
    apart = [
        difference_in_steps(given[0], wanted),
        *(difference_in_steps(one, wanted[[at]]) for at, one in enumerate(given[1:])),
    ]
    if any(map(math.isnan, apart)):
        return Result(name, bundle.name, State.FAILED, None, "its outputs are NaN")
    steps = max(apart)
    if steps > STEPS:
        reason = f"its outputs are {steps:.0f} steps off; {STEPS} are allowed"
        return Result(name, bundle.name, State.FAILED, steps, reason)
    return Result(name, bundle.name, State.WORKS, steps)


def _child(name: str, bundles: Sequence[Bundle]) -> tuple[list[Result], str]:
    """Return the results of a child, and why it ended if it did not reach the last bundle."""
    arguments = [str(part) for bundle in bundles for part in (_kind(bundle), bundle.folder.absolute())]
    # -P: do not import modules from the current folder.
    command = [sys.executable, "-P", "-m", "edge_runtime.diagnostics.selftest", name, *arguments]
    paths = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[2])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OPENBLAS_NUM_THREADS": "1"}
    timeout = SELF_TEST_SECONDS * len(bundles)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        found = _results(error.stdout or b"", name, bundles)
        fault = f"it does not finish within {timeout:.0f} s"
        hung = [Result(name, bundle.name, State.FAILED, None, fault) for bundle in bundles[len(found) :]]
        return [*found, *hung], fault
    return _results(done.stdout, name, bundles), _fault(done.returncode, done.stderr)


def _results(output: bytes, name: str, bundles: Sequence[Bundle]) -> list[Result]:
    """Parse the results of the child; other lines, printed by libraries, are ignored."""
    lines = output.decode(errors="replace").splitlines()
    found = (json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK))
    return [
        Result(name, bundle.name, State(state), steps, reason)
        for bundle, (state, steps, reason) in zip(bundles, found, strict=False)
    ]


def _fault(code: int, errors: bytes) -> str:
    if code < 0:
        try:
            ended = signal.Signals(-code).name
        except ValueError:
            ended = f"signal {-code}"
        return f"it ends its process with {ended}" + (
            ": it was built for another processor" if code == -signal.SIGILL else ""
        )
    last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
    return f"it ends its process with exit code {code}: {last[0]}"


def _kind(bundle: Bundle) -> str:
    return KINDS_OF_BUNDLES.get(bundle.shapes.image, "digits")


def main(name: str, *arguments: str) -> None:
    """Run the child: print a line for each bundle as soon as its result is known."""
    for kind, folder in zip(arguments[::2], arguments[1::2], strict=True):
        try:
            found = check(name, LOADERS[kind](Path(folder)))
        except Exception as error:  # report any error of a broken library and continue
            found = Result(name, "", State.FAILED, None, " ".join(f"{type(error).__name__}: {error}".split()))
        print(MARK + json.dumps(found[2:]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
