"""What all tests share. Imports nothing that the small environments lack."""

import io
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

# As the command line does it: two threads of NumPy's on two busy cores wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

from edge_runtime.synthetic.digits import draw_digit

# A shell starts background jobs deaf to Ctrl-C, and what they start is deaf, too: the tests' commands must not be.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
PROGRAMS = {  # by Debian package; any one of them will do
    "ffmpeg": ("ffmpeg",),
    "imagemagick": ("magick", "convert-im6.q16"),
    "mosquitto": ("mosquitto", "/usr/sbin/mosquitto"),  # which a user's PATH may lack
    "chromium": ("chromium",),
    "openssl": ("openssl",),
    "shellcheck": ("shellcheck",),
    "systemd": ("systemd-analyze",),
    "valgrind": ("valgrind",),
}


def skip(reason: str) -> None:
    """Skip with the reason on a user's machine; fail where nothing may skip."""
    if os.environ.get("EDGE_DIGITS_NO_SKIP"):
        pytest.fail(f"may not skip here: {reason}")
    pytest.skip(reason)


def program(package: str) -> str:
    """The path of a Debian package's program; skips where it is absent."""
    for name in PROGRAMS[package]:
        if found := shutil.which(name):
            return found
    skip(f"needs the Debian package {package}")
    raise AssertionError("skip does not return")


@pytest.fixture
def run_cli(tmp_path):
    """Run the real console command in a process of its own, in an empty folder."""

    def run(*arguments, code=0, module="edge_runtime", cwd=tmp_path, timeout=120, prepare=None, before="", given=None):
        """before: a folder whose modules are found before any others. given: what is typed."""
        command = [sys.executable, "-m", module, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": f"{before}{os.pathsep}{ROOT}" if before else str(ROOT)}
        environment["PYTHONWARNINGS"] = "error"
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            capture_output=True,
            input=given,
            text=True,
            timeout=timeout,
            check=False,
            preexec_fn=prepare,
        )
        assert done.returncode == code, f"exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr or "--debug" in command, done.stderr
        return done

    return run


@pytest.fixture
def run_here(tmp_path, monkeypatch, capsys):
    """Run the console command in this process and an empty folder, which takes a tenth of the time of `run_cli`.

    What libraries write past Python is not seen.
    """
    from edge_runtime.cli.commands import edge_digits
    from edge_runtime.cli.run import finish

    def run(*arguments, code=0, given=""):
        """code: None for any. given: what is typed."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        capsys.readouterr()
        words = list(map(str, arguments))
        found = finish(edge_digits, "edge-digits", words)
        done = subprocess.CompletedProcess(words, found, *capsys.readouterr())
        assert code in (None, found), f"exit {found}, not {code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr or "--debug" in words, done.stderr
        return done

    return run


@pytest.fixture
def no_interpreter(tmp_path):
    """A folder for `run_cli`'s `before`: no interpreter is installed in its processes."""
    folder = tmp_path / "barred"
    folder.mkdir()
    barred = ["ai_edge_litert", "tflite_runtime", "onnxruntime"]
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({barred}))\n")
    return folder


@pytest.fixture(scope="session")
def drawn_digits() -> tuple[np.ndarray, np.ndarray]:
    """Fifty drawn digits, uint8 (50, 28, 28), ink bright and not normalised, and their labels (50,)."""
    labels = np.tile(np.arange(10), 5)
    return np.stack([draw_digit(int(label), seed=index) for index, label in enumerate(labels)]), labels


@pytest.fixture(scope="session")
def mnist():
    """All of MNIST, `train.data.mnist.Mnist`."""
    from train.data.mnist import load_mnist

    return load_mnist()


@pytest.fixture(scope="session")
def few(mnist):
    """MNIST with 2,000 digits to train on, 1,200 of validation and 1,000 of test."""
    from tests.on_few import few_of

    return few_of(mnist)


@contextmanager
def in_place_of_mnist(few):
    """Let `python -m train`, `export` and `benchmarks`, run in this process, find `few` where they look for MNIST."""
    from tests.on_few import USERS

    with pytest.MonkeyPatch.context() as patch:
        for name in USERS:
            patch.setattr(import_module(name), "load_mnist", lambda path=None: few)
        yield


@pytest.fixture
def no_pictures(monkeypatch):
    """Trainings of this test draw none."""
    from train import report

    for name in ("_draw_curves", "_draw_confusion", "_draw_samples", "_draw_data"):
        monkeypatch.setattr(report, name, lambda *_: None)


@pytest.fixture
def little_data(few):
    """Commands of this test, run in this process, find `few` where they look for MNIST."""
    with in_place_of_mnist(few):
        yield


def pytest_collection_modifyitems(config, items):
    """Every long test says why it is one."""
    for item in items:
        for mark in item.iter_markers("long"):
            if not (len(mark.args) == 1 and isinstance(mark.args[0], str)):
                raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.long takes its reason")


def pytest_terminal_summary(terminalreporter, config):
    """Say what was left to `make test-long`, and why: nothing is left out in silence."""
    left = [item.get_closest_marker("long") for item in terminalreporter.stats.get("deselected", [])]
    reasons = Counter(mark.args[0] for mark in left if mark)
    if reasons and "not long" in config.option.markexpr:
        terminalreporter.write_line(f"{reasons.total()} long tests are left to make test-long:")
        for reason, count in reasons.items():
            terminalreporter.write_line(f"  {count:>3}  {reason}")
