"""The system's camera library and this environment's NumPy."""

import os
import sys
from importlib import invalidate_caches

import numpy as np
import pytest

from edge_runtime.diagnostics.system import conflicts


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Where a system keeps its libraries, with a picamera2, seen by this environment; call it with NumPy's version."""
    (tmp_path / "picamera2").mkdir()
    (tmp_path / "picamera2" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)  # nothing that was imported before
    invalidate_caches()

    def has(numpy):
        info = tmp_path / f"numpy-{numpy}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: numpy\nVersion: {numpy}\n")
        return tmp_path

    return has


def test_another_major_version_of_numpy_is_told_with_the_command_that_mends_it(system):
    other = "1.24.2" if np.__version__.startswith("2.") else "2.2.4"
    (line,) = conflicts(system(other))
    assert f"{sys.executable} -m pip install 'numpy=={other}'" in line
    assert ("'opencv-python-headless<4.12' 'ml-dtypes<0.6'" in line) == (other == "1.24.2")


@pytest.mark.parametrize(("mine", "command"), [(True, f": {sys.executable}"), (False, f": sudo {sys.executable}")])
def test_an_environment_that_is_roots_is_mended_by_root(system, monkeypatch, mine, command):
    monkeypatch.setattr(os, "access", lambda path, mode: mine)  # whoever runs the tests
    (line,) = conflicts(system("1.24.2" if np.__version__.startswith("2.") else "2.2.4"))
    assert command in line


def test_the_same_major_version_is_none_of_its_business(system):
    assert conflicts(system(f"{np.__version__.split('.')[0]}.0.1")) == []


def test_a_system_without_a_camera_library_is_well(tmp_path):
    assert conflicts(tmp_path) == []
