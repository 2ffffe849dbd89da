"""Low-confidence digits: saved by a watch, sorted by a person, used by a training."""

import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest

from edge_runtime.classifier import Classifier
from edge_runtime.errors import OutputError
from edge_runtime.images.files import read_gray, to_gray
from edge_runtime.normalise import normalise
from edge_runtime.page import Page
from edge_runtime.pipeline import Reader
from edge_runtime.synthetic.pages import draw_page
from edge_runtime.types import Frame, Status
from edge_runtime.watch.hard_cases import HardCases


def look(text, seed):
    """A page, and what is read in it."""
    gray = to_gray(draw_page([text], (320, 120), 60, seed=seed).image)
    return gray, Reader(Classifier()).read(gray, "page")


@pytest.fixture(scope="module")
def shown():
    return look("31415", 3)


def unsure(page: Page, *places, confidence=0.4, status=Status.REJECTED) -> Page:
    digits = list(page.digits)
    for place in places:
        digits[place] = digits[place]._replace(confidence=confidence, status=status)
    return page._replace(digits=tuple(digits))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_hard_digits_are_kept_with_their_frame_and_named_by_what_was_read(shown, tmp_path):
    gray, page = shown
    assert page.text == "31415"
    cases = HardCases(tmp_path / "hard", print)
    cases.collect(Frame(gray, 10.0, 41), page)  # all sure
    assert not names(tmp_path / "hard" / "unsorted")
    cases.collect(Frame(gray, 10.1, 42), unsure(page, 2, 4))
    four, five = names(tmp_path / "hard" / "unsorted")
    assert four.endswith("-frame42-3-read-4-at-40.png")
    assert five.endswith("-frame42-5-read-5-at-40.png")
    (frame,) = names(tmp_path / "hard" / "frames")
    assert four.startswith(frame.removesuffix(".jpg"))
    assert read_gray(tmp_path / "hard" / "frames" / frame).shape == gray.shape
    assert {*"0123456789", "non-digit"} < set(names(tmp_path / "hard"))
    found = [
        int(Classifier().classify_normalised(normalise(read_gray(tmp_path / "hard" / "unsorted" / n))).label)
        for n in (four, five)
    ]
    assert found == [4, 5]  # a crop alone shows what the page did
    assert cases.saved == 2


def test_a_digit_that_is_not_rejected_and_not_sure_is_hard_too(shown, tmp_path):
    gray, page = shown
    cases = HardCases(tmp_path, print, below=0.9)
    cases.collect(Frame(gray, 10.0, 1), unsure(page, 0, confidence=0.89, status=Status.OK))
    cases.collect(Frame(gray, 20.0, 2), unsure(page, 1, confidence=0.91, status=Status.OK))
    assert len(names(tmp_path / "unsorted")) == 1


def test_an_unchanged_digit_is_saved_once_and_frames_at_most_once_a_second(shown, tmp_path):
    gray, page = shown
    cases = HardCases(tmp_path, print)
    noise = np.random.default_rng(1)
    for number in range(300):  # ten seconds of a camera that looks at one page
        noisy = np.clip(gray + noise.normal(0, 3, gray.shape), 0, 255).astype(np.uint8)
        cases.collect(Frame(noisy, number / 30, number), unsure(page, 0))
    assert len(names(tmp_path / "unsorted")) == 1
    for number in range(60):  # two seconds of digits that are new each time
        other = to_gray(draw_page([str(number % 10)] * 3, (320, 120), 60, seed=number).image)
        cases.collect(Frame(other, 20 + number / 30, number), unsure(page, 1))
    assert len(names(tmp_path / "frames")) <= 1 + 2


def test_a_full_folder_is_reported_once_and_has_room_again_when_sorted(tmp_path):
    said = []
    cases = HardCases(tmp_path, said.append, most=3)

    def show(numbers):
        for number in numbers:
            gray, page = look(str(number) * 4, number)
            cases.collect(Frame(gray, 20.0 * number, number), unsure(page, 1))

    show(range(1, 7))
    assert len(names(tmp_path / "unsorted")) == len(names(tmp_path / "frames")) == 3
    assert len(said) == 1
    assert "unsorted is full with 3 images: sort or remove some" in said[0]
    for path in list((tmp_path / "unsorted").iterdir()):
        path.rename(tmp_path / "7" / path.name)
    show([7])
    assert len(names(tmp_path / "unsorted")) == 1
    assert "frames is full with 3 images" in said[1]
    for path in list((tmp_path / "frames").iterdir()):
        path.unlink()
    cases = HardCases(tmp_path, said.append, most=3)  # another watch begins with what is there
    show(range(8, 14))
    assert len(names(tmp_path / "unsorted")) == 3


def test_a_failing_disk_is_reported_and_the_watch_continues(shown, tmp_path):
    gray, page = shown
    said = []
    cases = HardCases(tmp_path, said.append)
    shutil.rmtree(tmp_path / "unsorted")
    cases.collect(Frame(gray, 10.0, 1), unsure(page, 0))
    assert "hard digits cannot be saved" in said[0]
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="hard digits cannot be saved in"):
        HardCases(tmp_path / "file", print)


# What a training takes in


@pytest.fixture
def extra(tmp_path):
    folder = tmp_path / "extra"
    for label in (3, 7):
        (folder / str(label)).mkdir(parents=True)
        for number in range(2):
            page = draw_page([str(label)], (80, 90), 60, seed=number)
            cv2.imwrite(str(folder / str(label) / f"{number}.png"), to_gray(page.image))
    for other in ("non-digit", "unsorted"):
        (folder / other).mkdir()
        (folder / other / "broken.png").write_bytes(b"no picture")
    (folder / "3" / "notes.txt").write_text("not an image either")
    return folder


def test_sorted_digits_are_read_and_normalised(extra):
    from train.data.extra import load_extra

    found = load_extra(extra)
    assert found.labels.tolist() == [3, 3, 7, 7]
    assert found.images.shape == (4, 28, 28)
    assert Classifier().classify_normalised(found.images).label.tolist() == [3, 3, 7, 7]


def test_skipped_images_are_reported_with_the_reason(extra):
    from train.data.extra import load_extra

    blank = cv2.imencode(".png", np.full((40, 40), 200, np.uint8))[1].tobytes()
    for name, data in (("broken.png", b"no picture"), ("empty.png", b""), ("blank.png", blank)):
        (extra / "7" / name).write_bytes(data)
    (extra / "7" / "deeper").mkdir()
    (extra / "7" / "deeper" / "7.png").write_bytes(blank)
    found = load_extra(extra)
    assert found.labels.tolist() == [3, 3, 7, 7]
    assert [path.relative_to(extra).as_posix() for path in found.paths] == ["3/0.png", "3/1.png", "7/0.png", "7/1.png"]
    taken, *left_out = found.report()
    assert taken == "--extra: 4 images taken (3: 2, 7: 2)"
    assert len(left_out) == 5
    for name in ("broken.png", "empty.png", "blank.png", "notes.txt"):
        assert len([line for line in left_out if line.endswith(f"/{name}") and ": 1 left out, " in line]) == 1, name
    (elsewhere,) = (line for line in left_out if ": 3 left out, not in a folder 0 to 9: " in line)
    for name in ("7/deeper/7.png", "non-digit/broken.png", "unsorted/broken.png"):
        assert str(extra / name) in elsewhere


def test_a_folder_with_nothing_to_train_on_is_refused(tmp_path):
    from train.data.extra import load_extra
    from train.data.mnist import DataError

    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=r"no images in folders 0 to 9 there$"):
            load_extra(folder)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "empty.png").touch()
    with pytest.raises(DataError, match=r"no images in folders 0 to 9 there \(1 left out, the file is empty"):
        load_extra(tmp_path)


@pytest.mark.long("trains a network")
@pytest.mark.usefixtures("little_data", "no_pictures")
def test_a_training_uses_extra_digits_and_reports_it(extra, tmp_path, capfd):
    from train.__main__ import main

    out = tmp_path / "run"
    (extra / "3" / "nine.png").write_bytes((extra / "7" / "0.png").read_bytes())
    arguments = ["--epochs", "1", "--extra", str(extra), "--out", str(out)]
    assert main(["single-layer", *arguments]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["extra"] == 5
    wrong = metrics["extra_misread"]
    assert len(wrong) == round(5 * (1 - metrics["extra_accuracy"])) > 0
    assert str(extra / "3" / "nine.png") in [each["path"] for each in wrong]  # a seven, whatever it is called
    assert sum(map(len, metrics["confusion"])) == 100
    said = capfd.readouterr()
    assert "--extra: 5 images taken (3: 3, 7: 2)" in said.err
    assert f"{5 - len(wrong)} of 5 images are read right ({metrics['extra_accuracy']:.2%}); misread: " in said.out
    for path in extra.glob("[37]/*.png"):
        path.unlink()
    assert main(["single-layer", *arguments[:-1], str(tmp_path / "other")]) == 1
    assert not (tmp_path / "other").exists()  # said before anything is begun


def test_extra_digits_are_trained_on_and_neither_validated_nor_tested_on(extra, few):
    from train import fit
    from train.data.extra import load_extra
    from train.recipes import RECIPES

    recipe = dataclasses.replace(RECIPES["single-layer"], validate=True)
    _, result = fit.train(recipe, few, fit.Plan(epochs=1, extra=load_extra(extra)))
    assert len(result.train.labels) == 2_004
    assert result.train.labels[-4:].tolist() == [3, 3, 7, 7]
    assert len(result.validation.labels) == len(result.test.labels) + 200 == 1_200
