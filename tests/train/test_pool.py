"""Drawn images on disk: drawn ahead, read again, and never half written."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import OutputError
from tests.conftest import ROOT
from tests.train.test_augmentation import drawn
from train.augmentation.augment import Augmenter
from train.augmentation.settings import MILD
from train.data.pool import ImagePool
from train.errors import TrainError

MANY = 5_000  # epochs: more than are made before a test ends


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return drawn()


def test_epochs_come_as_the_deformer_makes_them(digits: np.ndarray, tmp_path: Path) -> None:
    augmenter = Augmenter(digits, 5, np.arange(10))
    with ImagePool(tmp_path, augmenter, 3) as pool:
        for number in (2, 0, 1, 2):
            made = pool.epoch(number)
            assert made.dtype == np.uint8
            assert np.array_equal(made, augmenter.epoch(number))
    assert pool.waited > 0


def test_what_is_there_is_taken_again(digits: np.ndarray, tmp_path: Path) -> None:
    with ImagePool(tmp_path, Augmenter(digits, 5), 2) as pool:
        pool.epoch(1)
    made = {path: path.stat().st_mtime_ns for path in pool.folder.iterdir()}
    assert len(made) == 2
    with ImagePool(tmp_path, Augmenter(digits, 5), 3) as longer:
        longer.epoch(2)
    assert longer.folder == pool.folder
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_other_digits_labels_seeds_and_settings_are_kept_apart(digits: np.ndarray, tmp_path: Path) -> None:
    labels = np.arange(10)
    augmenters = [
        Augmenter(digits, 5, labels),
        Augmenter(digits, 6, labels),
        Augmenter(digits, 5, labels[::-1].copy()),
        Augmenter(digits, 5),
        Augmenter(digits[::-1].copy(), 5, labels),
        Augmenter(digits, 5, labels, MILD),
    ]
    assert len({ImagePool(tmp_path, augmenter, 1).folder for augmenter in augmenters}) == len(augmenters)


def test_leaving_early_stops_the_other_process_and_leaves_whole_files(digits: np.ndarray, tmp_path: Path) -> None:
    with ImagePool(tmp_path, Augmenter(digits, 5), MANY) as pool:
        pool.epoch(0)
    assert multiprocessing.active_children() == []
    for path in pool.folder.glob("*.npy"):
        assert np.load(path).shape == digits.shape


def test_a_dead_maker_is_an_error_not_a_hang(digits: np.ndarray, tmp_path: Path) -> None:
    with ImagePool(tmp_path, Augmenter(digits, 5), MANY) as pool:
        pool.epoch(0)
        (maker,) = multiprocessing.active_children()
        os.kill(maker.pid, signal.SIGKILL)
        with pytest.raises(TrainError, match="process that draws images died"):
            pool.epoch(MANY - 1)


def test_a_disk_that_refuses_is_named(digits: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be made"):
        ImagePool(Path("/proc/nowhere"), Augmenter(digits, 5), 1).__enter__()
    pool = ImagePool(tmp_path, Augmenter(digits, 5), 1)
    # A file's place is taken by a folder that is not empty: no rename replaces that.
    (pool.folder / "0000.npy" / "taken").mkdir(parents=True)
    with pytest.raises(TrainError, match="is damaged"), pool:
        pool.epoch(0)


def test_a_damaged_file_is_named(digits: np.ndarray, tmp_path: Path) -> None:
    with ImagePool(tmp_path, Augmenter(digits, 5), 1) as pool:
        pool.epoch(0)
    path = pool.folder / "0000.npy"
    path.write_bytes(path.read_bytes()[:200])
    with ImagePool(tmp_path, Augmenter(digits, 5), 1) as again, pytest.raises(TrainError, match=f"{path} is damaged"):
        again.epoch(0)


def test_a_ctrl_c_to_all_processes_is_told_once(digits: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "digits.npy", digits)
    command = [sys.executable, "-m", "tests.train.test_pool", str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout.readline() == "drawing\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=60)
    # Of the process that waits, whose traceback may have a second part: it looks for files that are not there yet.
    assert errors.splitlines().count("KeyboardInterrupt") == 1  # a command says it in a line
    assert errors.splitlines()[-1] == "KeyboardInterrupt"


def test_the_maker_goes_with_its_parent(digits: np.ndarray, tmp_path: Path) -> None:
    """A training that is killed leaves no process behind that fills the disk."""
    context = multiprocessing.get_context("spawn")
    parent = context.Process(target=_hold, args=(digits, tmp_path))
    parent.start()
    folder = ImagePool(tmp_path, Augmenter(digits, 5), 1).folder
    while not (folder / "0000.npy").exists():
        time.sleep(0.05)
    parent.kill()
    parent.join()
    counts = []
    for _ in range(100):
        time.sleep(0.1)
        counts.append(len(list(folder.iterdir())))
        if len(counts) > 5 and counts[-1] == counts[-5]:
            return
    pytest.fail(f"it goes on: {counts[-5:]}")


def _hold(digits: np.ndarray, folder: Path) -> None:
    with ImagePool(folder, Augmenter(digits, 5), MANY):
        threading.Event().wait()


if __name__ == "__main__":  # waits for digits, in a process of its own
    place = Path(sys.argv[1])
    with ImagePool(place, Augmenter(np.load(place / "digits.npy"), 5), MANY) as pool:
        pool.epoch(0)
        print("drawing", flush=True)
        pool.epoch(MANY - 1)
