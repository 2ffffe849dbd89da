"""Sets of pages and scenes: which images count, and as what."""

from benchmarks.labelled import labelled
from benchmarks.pages import score_scenes
from edge_runtime.page import Page
from edge_runtime.types import Box, Digit, Status


def page(text):
    digits = (Digit(int(each), 0.9, (), Box(40 * at, 0, 30, 40), Status.OK) for at, each in enumerate(text))
    return Page(tuple(digits), 400, 50)


def test_scenes_are_scored_by_digits_rows_and_images_that_give_digits_without_any(tmp_path):
    (tmp_path / "scenes" / "images").mkdir(parents=True)
    (tmp_path / "scenes" / "labels.csv").write_text("filename,label\na.png,1.2 3|45\nb.png,67\nc.png,\nd.png,\n")
    (scenes,) = labelled(tmp_path)
    assert (scenes.name, scenes.paths[0]) == ("scenes", tmp_path / "scenes" / "images" / "a.png")
    texts = {"a.png": "12345", "b.png": "67", "c.png": "8", "d.png": ""}
    found = score_scenes(lambda path: page(texts[path.name]), scenes, "fake", lambda line: None)
    assert found == {
        "images": 2, "digits": 7, "digit_error": 1 / 7, "silent": 0.5, "blank": 2, "blank_with_digits": 1,
    }  # fmt: skip
