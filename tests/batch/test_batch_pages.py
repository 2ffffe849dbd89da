"""Files of several pages in a batch job: one row per page."""

import csv
import itertools
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from edge_runtime import Classifier, Reader, Status
from edge_runtime.batch.page_rows import read_pages
from edge_runtime.errors import DamagedImageError, InputError
from edge_runtime.images.files import read_images
from edge_runtime.synthetic.digits import draw_digit
from tests import textures
from tests.conftest import ROOT
from tests.image_files import pdf


def write_tiff(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = [cv2.resize(draw_digit(label, seed=1), (84, 84), interpolation=cv2.INTER_CUBIC) for label in labels]
    assert cv2.imwritemulti(str(path), [np.pad(255 - page, 60, constant_values=255) for page in pages])


def break_page(path, number):
    """Make the directory of one page claim a depth that no image has."""
    data = bytearray(path.read_bytes())
    at = struct.unpack_from("<I", data, 4)[0]
    for _ in range(number - 1):
        at = struct.unpack_from("<I", data, at + 2 + 12 * struct.unpack_from("<H", data, at)[0])[0]
    count = struct.unpack_from("<H", data, at)[0]
    (depth,) = (entry for entry in range(at + 2, at + 2 + 12 * count, 12) if data[entry : entry + 2] == b"\x02\x01")
    data[depth + 8 : depth + 10] = b"\x77\x77"
    path.write_bytes(data)


def rows_of(path):
    with path.open(newline="") as file:
        return [(row["path"], row["page"], row["label"], row["status"]) for row in csv.DictReader(file)]


def test_a_page_that_cannot_be_decoded_is_reported_and_the_next_ones_are_read(tmp_path):
    write_tiff(tmp_path / "a.tif", [4, 5, 6, 7])
    for number in (1, 3):
        break_page(tmp_path / "a.tif", number)
    document = pdf(pages=4, content=b"0 0 m 100 100 l S")
    for number in (10, 12):
        document = document.replace(b"%d 0 obj<</Type/Page" % number, b"%d 0 obj<</Type/Font" % number)
    (tmp_path / "a.pdf").write_bytes(document)
    for name in ("a.tif", "a.pdf"):
        failed = []
        assert [image.page for image in read_images(tmp_path / name, failed=failed.append)] == [2, 4]
        assert [(each.page, each.pages) for each in failed] == [(1, 4), (3, 4)]
        assert [str(each.error)[:8] for each in failed] == ["page 1: ", "page 3: "]
        with pytest.raises(DamagedImageError if name == "a.pdf" else InputError, match="page 1: "):
            next(read_images(tmp_path / name))


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Files of one and of several pages, one of them broken in the middle, and an animation."""
    folder = tmp_path_factory.mktemp("scans")
    write_tiff(folder / "a.tif", [1, 2, 3])
    write_tiff(folder / "b.tif", [7])
    write_tiff(folder / "c" / "d.tif", [4, 5, 6, 7])
    break_page(folder / "c" / "d.tif", 3)
    (folder / "e.tif").write_bytes(b"II*\0")
    shutil.copy(folder / "a.tif", folder / "f.png")  # what a file holds counts, not its name
    return folder


EXPECTED = [("a.tif", str(page), str(page), "ok") for page in (1, 2, 3)]
EXPECTED += [("b.tif", "1", "7", "ok")]
EXPECTED += [("c/d.tif", "1", "4", "ok"), ("c/d.tif", "2", "5", "ok"), ("c/d.tif", "3", "", "failed")]
EXPECTED += [("c/d.tif", "4", "7", "ok"), ("e.tif", "1", "", "failed")]
EXPECTED += [("f.png", str(page), str(page), "ok") for page in (1, 2, 3)]


@pytest.mark.long("many jobs with other processes and batches")
@pytest.mark.parametrize("options", [[], ["--mode", "read"]], ids=["digits", "pages"])
def test_every_page_has_a_row_and_an_error_affects_only_its_own(run_cli, scans, tmp_path, options):
    import pyarrow.parquet

    done = run_cli("batch-classify", scans, "--output", "r.csv", *options, code=1)
    assert rows_of(tmp_path / "r.csv") == EXPECTED
    assert "5 images with 12 pages in" in done.stdout
    assert "10 ok, 0 rejected, 2 failed" in done.stdout
    assert "failed, for example: c/d.tif, page 3: " in done.stdout
    run_cli("batch-classify", scans, "--output", "r.jsonl", *options, code=1)
    found = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [(row["path"], str(row["page"]), row["label"], row["status"]) for row in found] == EXPECTED
    run_cli("batch-classify", scans, "--output", "r.parquet", *options, code=1)
    table = pyarrow.parquet.read_table(tmp_path / "r.parquet")
    assert table.column_names == ["path", "page", "label", "confidence", "status", "error"]
    found = table.to_pylist()
    assert [(row["path"], str(row["page"]), row["label"], row["status"]) for row in found] == EXPECTED


def test_labels_and_copies_work_per_page(run_cli, scans, tmp_path):
    lines = ["filename,page,label", "a.tif,1,1", "a.tif,2,2", "a.tif,3,9", "b.tif,,7", "c/d.tif,4,7", "d.tif,,4"]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    options = ["--labels", "labels.csv", "--copy-to", "sorted", "--quarantine", "bad"]
    done = run_cli("batch-classify", scans, "--output", "r.csv", *options, code=1)
    # Right: a.tif 1 and 2, b.tif, d.tif 1 and 4. Wrong: a.tif 3, d.tif 2 and 3.
    assert "accuracy 62.50% of 8 images with a true label" in done.stdout
    copies = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/**/*.tif"))
    expected = ["bad/c/d.tif", "bad/e.tif", "sorted/1/a.tif", "sorted/2/a.tif", "sorted/3/a.tif", "sorted/4/c/d.tif"]
    assert copies == [*expected, "sorted/5/c/d.tif", "sorted/7/b.tif", "sorted/7/c/d.tif"]


@pytest.mark.long("jobs of several processes that are killed, or whose model is swapped")
def test_a_job_of_files_with_pages_is_killed_and_resumed(run_cli, scans, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        os.link(scans / "a.tif", folder / f"{number:03}.tif")
    run_cli("batch-classify", folder, "--output", "whole.csv")
    part = tmp_path / "r.csv.part"
    command = [sys.executable, "-m", "edge_runtime", "batch-classify", folder, "--output", "r.csv", "--resume"]
    for size in (200, 1500, 3000):
        with subprocess.Popen(
            [*command, "--batch", "2", "--jobs", "1"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        ) as job:
            while job.poll() is None and (not part.exists() or part.stat().st_size < size):
                time.sleep(0.005)
            os.killpg(job.pid, signal.SIGKILL)
    run_cli("batch-classify", folder, "--output", "r.csv", "--resume")
    assert (tmp_path / "r.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    rows = rows_of(tmp_path / "r.csv")
    assert [row[:2] for row in rows] == [
        (f"{n:03}.tif", str(page)) for n, page in itertools.product(range(60), (1, 2, 3))
    ]


def test_a_list_may_name_a_file_twice(run_cli, scans, tmp_path):
    given = "\n".join([str(scans / "a.tif")] * 2 + [str(scans / "b.tif")] * 2)
    run_cli("batch-classify", "-", "--output", "r.csv", given=given)
    assert [row[1] for row in rows_of(tmp_path / "r.csv")] == ["1", "2", "3", "1", "2", "3", "1", "1"]


def test_frames_of_an_animation_that_are_not_read_are_reported(run_cli, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    frames = [np.full((60, 60), 255, np.uint8) for _ in range(3)]
    for number, frame in enumerate(frames):
        cv2.putText(frame, str(number + 1), (15, 45), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 0, 3)
    animation = cv2.Animation() if hasattr(cv2, "Animation") else None
    if animation is None:
        from PIL import Image

        pages = [Image.fromarray(frame) for frame in frames]
        pages[0].save(folder / "a.png", save_all=True, append_images=pages[1:])
    else:
        animation.frames, animation.durations = [cv2.cvtColor(each, cv2.COLOR_GRAY2BGRA) for each in frames], [100] * 3
        assert cv2.imwriteanimation(str(folder / "a.png"), animation)
    done = run_cli("batch-classify", folder, "--output", "r.jsonl")
    (found,) = map(json.loads, (tmp_path / "r.jsonl").read_text().splitlines())
    assert found["label"] == "1"
    assert "3 frames" in found["note"]
    assert f"1 partly read, for example: a.png: {found['note']}" in done.stdout
    assert found["note"] in run_cli("classify", folder / "a.png").stdout


def test_classify_prints_a_row_for_each_page(run_cli, scans):
    said = run_cli("classify", "--json", scans / "a.tif", scans / "b.tif").stdout
    assert [(row["page"], row["label"]) for row in map(json.loads, said.splitlines())] == [
        (1, "1"),
        (2, "2"),
        (3, "3"),
        (1, "7"),
    ]
    assert run_cli("classify", scans / "a.tif").stdout.splitlines()[-1].endswith("page 3")


def test_a_page_of_a_texture_says_why_nothing_was_read(tmp_path):
    cv2.imwrite(str(tmp_path / "texture.png"), textures.dots((1280, 1280), 6, 0.1))
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((200, 200), 235, np.uint8))
    reader = Reader(Classifier())
    blank, texture = read_pages(reader, ["blank.png", "texture.png"], str(tmp_path))
    assert blank[2:4] == (Status.REJECTED, "blank")
    assert texture[2:4] == (Status.REJECTED, "texture")


def test_a_page_that_is_read_in_part_has_a_note(tmp_path):
    cv2.imwrite(str(tmp_path / "carpet.png"), textures.carpet((1280, 1280), 2.0))
    reader = Reader(Classifier(), pages=False)  # the map shows only the digits
    ((_, _, status, _, _, _, note, *_),) = read_pages(reader, ["carpet.png"], str(tmp_path))[0]
    assert status is Status.OK
    assert re.fullmatch(r"not everything was read: \d+ marks were dropped", note)
