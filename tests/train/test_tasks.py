"""Tasks: what networks read is described in one module each, and nothing else branches on it."""

import dataclasses
import re
import sys
import types

import pytest

from edge_runtime.bundles.bundle import DIGIT, LINE, PAGE
from tests.conftest import ROOT
from train import tasks
from train.network import build
from train.recipes import RECIPES
from train.tasks import task_for_image, task_of

BRANCHES = re.compile(r"reads_lines|\.task ==|task_name|== LINE\b|== DIGIT\b|isinstance\([^)]*Task")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_task_that_its_network_fits(name):
    task = task_of(RECIPES[name])
    assert build(RECIPES[name]).input_shape[1:] == task.image
    assert all(side in (None, exported) for side, exported in zip(task.image, task.exported_image, strict=True))


@pytest.mark.parametrize(("image", "metric"), [(DIGIT, "mnist_test"), (LINE, "test_lines"), (PAGE, "test_squares")])
def test_the_task_of_a_bundle_is_found_by_its_images(image, metric):
    assert task_for_image(image).metric == metric


def test_images_of_no_task_are_an_error():
    with pytest.raises(LookupError, match="64x64"):
        task_for_image((64, 64))


def test_a_new_task_is_one_module(monkeypatch):
    module = types.ModuleType("train.tasks.stamps")
    module.TASK = types.SimpleNamespace(image=(20, 20), exported_image=(20, 20))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    recipe = dataclasses.replace(RECIPES["single-layer"], task="stamps")
    assert task_of(recipe) is module.TASK
    assert build(recipe).input_shape == (None, 20, 20)


def test_only_tasks_know_what_is_read():
    files = [path for name in ("train", "export") for path in (ROOT / name).rglob("*.py")]
    known = [path for path in files if path.parent != ROOT / "train" / "tasks"]
    assert len(known) > 30
    assert [str(path.relative_to(ROOT)) for path in known if BRANCHES.search(path.read_text())] == []
    assert tasks.__doc__
