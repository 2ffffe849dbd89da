"""Copies of images: each path has its own copy, and failed copies do not end the job."""

import os
import resource
import shutil
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.batch.copies import Copies, copy_path
from edge_runtime.errors import OutputError
from edge_runtime.types import Row, Status
from tests.conftest import ROOT

DIGIT = ROOT / "samples" / "4-black-on-white.bmp"
NAMES = st.sampled_from(["..", "_up", "__up", "_root", "__root", "up", "root", "a", "p.png", "_"])
PATHS = st.builds(lambda root, parts: root + "/".join(parts), st.sampled_from(["", "/"]), st.lists(NAMES, min_size=1))


@given(PATHS, PATHS)
def test_each_path_has_its_own_copy_inside_the_folder(one, other):
    assert (copy_path(one) == copy_path(other)) == (one == other)
    assert not copy_path(one).is_absolute()
    assert ".." not in copy_path(one).parts
    if copy_path(one).is_relative_to(
        copy_path(other)
    ):  # a file here and a folder there only if the paths are so themselves
        assert Path(one).is_relative_to(other)


@pytest.mark.parametrize("path", ["a//b.png", "./a/b.png", "a/./b.png", "a/b.png"])
def test_spellings_of_one_path_have_one_copy(path):
    assert copy_path(path) == Path("a/b.png")


def test_files_from_anywhere_are_copied_and_none_over_another(run_cli, tmp_path):
    """The same name above, below, from the root, and as a folder."""
    here = tmp_path / "here"
    for number, name in enumerate(["p.png", "here/up/p.png", "here/_up/p.png", "here/q.png/p.png", "here/p.png"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(DIGIT.read_bytes() + bytes(number))
    (tmp_path / "q.png").write_bytes(DIGIT.read_bytes() + bytes(9))
    absolute = str(tmp_path / "p.png")
    paths = ["../p.png", "up/p.png", "_up/p.png", "q.png/p.png", "p.png", "../q.png", absolute, "p.png", "none.png"]
    given = "\n".join(paths)
    options = ("--output", "r.csv", "--copy-to", "sorted", "--quarantine", "bad")
    done = run_cli("batch-classify", "-", *options, code=1, cwd=here, given=given)
    for path in paths[:-1]:
        assert (here / "sorted" / "4" / copy_path(path)).read_bytes() == (here / path).read_bytes()
    assert len([path for path in (here / "sorted" / "4").rglob("*") if path.is_file()]) == len(set(paths)) - 1
    assert "warning: none.png could not be copied: No such file or directory" in done.stderr


@pytest.mark.parametrize("obstacle", ["a file where a folder is needed", "a folder where the file is needed"])
def test_an_obstacle_gives_one_warning(run_cli, tmp_path, obstacle):
    folder = tmp_path / "images"
    (folder / "a").mkdir(parents=True)
    for name in ("a/1.bmp", "2.bmp"):
        shutil.copy(DIGIT, folder / name)
    target = tmp_path / "sorted" / "4"
    if obstacle.startswith("a file"):
        target.mkdir(parents=True)
        (target / "a").write_text("precious")
    else:
        (target / "a" / "1.bmp").mkdir(parents=True)
    done = run_cli("batch-classify", folder, "--output", "r.csv", "--overwrite", "--copy-to", "sorted", code=1)
    assert done.stderr.count("warning: a/1.bmp could not be copied") == 1
    assert "1 files could not be copied" in done.stderr
    assert (target / "2.bmp").read_bytes() == DIGIT.read_bytes()
    assert not list(tmp_path.rglob("*.part"))
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 3


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def test_a_huge_file_that_cannot_be_copied_costs_one_warning_and_resume_works(run_cli, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    shutil.copy(DIGIT, folder / "4.bmp")
    (folder / "cut.bmp").write_bytes(DIGIT.read_bytes()[:100])
    with (folder / "huge.png").open("wb") as file:
        file.truncate(6 << 30)
    options = ("--output", "r.csv", "--quarantine", "bad")
    done = run_cli("batch-classify", folder, *options, code=1, prepare=limit_file_size)
    assert "warning: huge.png could not be copied: File too large" in done.stderr
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 4
    assert [path.name for path in sorted((tmp_path / "bad").iterdir()) if path.suffix] == ["cut.bmp"]
    assert "nothing to do" in run_cli("batch-classify", folder, *options, "--resume").stdout


def test_a_large_file_is_copied_in_little_memory(tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(64 << 20)
    copies = Copies(str(tmp_path), None, tmp_path / "bad")
    tracemalloc.start()
    copies.write(Row("large.png", "", None, Status.FAILED, "too large"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "bad" / "large.png").stat().st_size == 64 << 20
    assert peak < 8 << 20


def test_special_files_do_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    said = []
    copies = Copies(str(tmp_path), None, tmp_path / "bad", said.append)
    for name in ("pipe.png", "device.png", "", ".", "/", "\0", "\ud800"):
        copies.write(Row(name, "", None, Status.FAILED, "no file"))
    assert copies.missed == len(said) == 7


def test_a_file_of_several_pages_is_copied_once_for_each_label(tmp_path):
    shutil.copy(DIGIT, tmp_path / "scan.tif")
    copies = Copies(str(tmp_path), tmp_path / "sorted", tmp_path / "bad")
    found = [("4", Status.OK), ("7", Status.OK), ("4", Status.OK), ("1", Status.REJECTED), ("", Status.FAILED)]
    for page, (label, status) in enumerate(found, 1):
        copies.write(Row("scan.tif", label, 0.5, status, page=page))
    copied = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/**/scan.tif")}
    assert copied == {"sorted/4/scan.tif", "sorted/7/scan.tif", "sorted/rejected/scan.tif", "bad/scan.tif"}


def test_a_folder_of_copies_that_cannot_be_made_is_one_line(tmp_path, run_cli):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file/sorted cannot be written: Not a directory"):
        Copies("", tmp_path / "file" / "sorted", None)
    done = run_cli("batch-classify", ROOT / "samples", "--output", "r.csv", "--copy-to", "file/sorted", code=1)
    assert len(done.stderr.splitlines()) == 1


def test_overlapping_folders_of_copies_are_refused(run_cli):
    for bad in ("sorted", "sorted/bad", "."):
        options = ("--output", "r.csv", "--copy-to", "sorted", "--quarantine", bad)
        assert "name two separate folders" in run_cli("batch-classify", "-", *options, code=2).stderr
