"""batch-classify: large and unusual folders, kills at any moment, failing disks."""

import csv
import ctypes
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.batch.row_formats import Csv, JsonLines
from edge_runtime.batch.rows import WorkerSettings, parallel_rows
from edge_runtime.bundles.bundle import load_bundle, load_line_bundle, load_page_bundle
from edge_runtime.errors import ModelError
from edge_runtime.sources import folder as folder_module
from edge_runtime.sources.folder import Folder
from edge_runtime.synthetic.digits import draw_digit
from edge_runtime.types import Box, FieldReading, Row, Status
from tests.conftest import ROOT

LONG = bool(os.environ.get("EDGE_DIGITS_LONG"))  # the full proof, as the README says how to run it
FILES, KILLS = (10_000, 200) if LONG else (1_500, 8)


def read_csv(path):
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Twenty drawn digits as files, by label in their names."""
    folder = tmp_path_factory.mktemp("digits")
    for index in range(20):
        cv2.imwrite(str(folder / f"{index % 10}-{index}.png"), draw_digit(index % 10, seed=1))
    return sorted(folder.iterdir())


@pytest.fixture
def many(tmp_path, digits):
    """A folder of many images (hard links) in three folders; some are broken."""
    folder = tmp_path / "many"
    broken = tmp_path / "broken.png"
    broken.write_bytes(digits[0].read_bytes()[:100])
    for index in range(FILES):
        place = folder / "abc"[index % 3]
        place.mkdir(parents=True, exist_ok=True)
        source = broken if index % 97 == 0 else digits[index % 20]
        os.link(source, place / f"{index:06}.png")
    return folder


def start(*arguments, cwd):
    command = [sys.executable, "-m", "edge_runtime", "batch-classify", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


# Nothing lost


@pytest.mark.long("jobs of several processes that are killed, or whose model is swapped")
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_job_killed_at_any_moment_and_resumed_gives_the_same_output(run_cli, many, tmp_path, suffix):
    began = time.monotonic()
    run_cli("batch-classify", many, "--output", f"whole.{suffix}", code=1)
    span = time.monotonic() - began
    whole = (tmp_path / f"whole.{suffix}").read_bytes()
    chance = random.Random(suffix)
    output = tmp_path / f"killed.{suffix}"
    kills = growth = 0
    while kills < KILLS:
        job = start(many, "--output", output, "--resume", "--batch", 16, cwd=tmp_path)
        try:
            job.wait(chance.uniform(0.1, 1.1) * span)
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            kills += 1
        job.communicate()
        if output.exists():
            assert output.read_bytes() == whole
            output.unlink()  # once more from the start
            growth = 0
            continue
        part = output.with_name(output.name + ".part")
        rows = part.read_bytes() if part.exists() else b""
        assert whole.startswith(rows)
        # Rows that a kill kept from being noted are read again, and no others.
        assert rows.count(b"\n") >= growth - 16, "a resumed job threw rows away"
        growth = rows.count(b"\n")
    run_cli("batch-classify", many, "--output", output, "--resume", code=1)
    assert output.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("killed")) == [output.name]


def test_ctrl_c_keeps_the_rows_and_says_how_to_continue(run_cli, many, tmp_path):
    job = start(many, "--output", "results.csv", "--batch", 1, cwd=tmp_path)
    part = tmp_path / "results.csv.part"
    while not part.exists() or part.stat().st_size < 2000:
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, said = job.communicate(timeout=30)
    assert job.returncode == 130
    assert b"rows are kept" in said
    assert b"--resume" in said
    assert b"Traceback" not in said
    run_cli("batch-classify", many, "--output", "results.csv", "--resume", code=1)
    assert len(read_csv(tmp_path / "results.csv")) == FILES


def test_a_killed_worker_costs_nothing(many, tmp_path):
    job = start(many, "--output", "results.csv", "--jobs", 2, cwd=tmp_path)
    part = tmp_path / "results.csv.part"
    while not part.exists() or part.stat().st_size < 2000:
        time.sleep(0.01)
    os.kill(workers_of(job)[-1], signal.SIGKILL)
    job.communicate(timeout=60)
    rows = read_csv(tmp_path / "results.csv")
    assert len(rows) == FILES
    assert all("truncated" in row["error"] for row in rows if row["status"] == "failed")


@pytest.mark.long("jobs of several processes that are killed, or whose model is swapped")
@pytest.mark.parametrize(("jobs", "batch"), [(1, 1), (1, 7), (1, 100), (2, 3), (3, 100)])
def test_a_kill_costs_at_most_one_batch(digits, jobs, batch):
    """A kill loses the paths that were requested and whose rows were not returned."""
    asked = 0

    def paths():
        nonlocal asked
        for _ in range(500):
            asked += 1
            yield digits[0].name

    written = 0
    for rows in parallel_rows(WorkerSettings(str(digits[0].parent), None, "fake"), paths(), jobs, batch):
        assert asked - written <= batch + 1  # one is asked for to see whether it belongs to the next part
        written += len(rows)
    assert written == 500


def test_resume_starts_a_new_job_and_leaves_a_finished_output(run_cli, digits, tmp_path):
    folder = digits[0].parent
    run_cli("batch-classify", folder, "--output", "results.csv", "--resume")
    before = (tmp_path / "results.csv").stat()
    assert "nothing to do" in run_cli("batch-classify", folder, "--output", "results.csv", "--resume").stdout
    assert (tmp_path / "results.csv").stat().st_mtime_ns == before.st_mtime_ns


@pytest.fixture
def begun(many, tmp_path):
    """A job that was killed when some of its rows were written."""
    job = start(many, "--output", "results.csv", "--batch", 1, cwd=tmp_path)
    part = tmp_path / "results.csv.part"
    while not part.exists() or part.stat().st_size < 2000:
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    return many


@pytest.mark.long("many jobs with other processes and batches")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--probabilities"], "the option --probabilities was False when the job was started and is True now"),
        (["--backend", "onnx"], "the backend was 'litert'"),
        (["--copy-to", "sorted"], "the option --copy-to was None"),
        (["--exclude", "*9.png"], "the option --exclude was []"),
        (["--max-error", "0.005"], "the option --max-error was None when the job was started and is 0.005 now"),
        (["--no-recursive"], "the option --recursive was True"),
    ],
)
def test_other_options_on_resume_are_refused_with_the_reason(run_cli, begun, options, reason):
    said = run_cli("batch-classify", begun, "--output", "results.csv", "--resume", *options, code=1).stderr
    assert reason in said
    assert "--overwrite" in said


def test_another_folder_or_model_on_resume_is_refused(run_cli, begun, digits, tmp_path):
    said = run_cli("batch-classify", digits[0].parent, "--output", "results.csv", "--resume", code=1).stderr
    assert "the folder was" in said
    model = shutil.copytree(ROOT / "edge_runtime" / "models" / "ann", tmp_path / "other")
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "model_int8.onnx").write_bytes((model / "model_int8.onnx").read_bytes() + b"\0")
    data = (model / "model_int8.onnx").read_bytes()
    manifest["files"]["onnx_int8"].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    (model / "manifest.json").write_text(json.dumps(manifest))
    said = run_cli("batch-classify", begun, "--output", "results.csv", "--resume", "--model", model, code=1).stderr
    assert "the model was" in said


def workers_of(job):
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_for_rows(part, size=2000):
    while not part.exists() or part.stat().st_size < size:
        time.sleep(0.01)


@pytest.mark.long("jobs of several processes that are killed, or whose model is swapped")
@pytest.mark.parametrize("swap", ["another model", "another file", "no model"])
def test_a_model_that_is_swapped_during_a_run_ends_it_and_it_goes_on_with_the_same_model(run_cli, many, tmp_path, swap):
    shipped = ROOT / "edge_runtime" / "models"
    model = shutil.copytree(shipped / "ann-nano", tmp_path / "model")
    options = ["--output", "results.csv", "--model", model]
    run_cli("batch-classify", many, "--output", "whole.csv", "--model", model, code=1)
    job = start(many, *options, "--batch", 4, "--jobs", 2, cwd=tmp_path)
    wait_for_rows(tmp_path / "results.csv.part")
    if swap == "another file":
        (model / "model_int8.tflite").write_bytes((shipped / "ann-small" / "model_int8.tflite").read_bytes())
    else:
        shutil.rmtree(model)
    if swap == "another model":
        shutil.copytree(shipped / "ann-small", model)
    os.kill(workers_of(job)[0], signal.SIGKILL)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 1
    assert len(said.splitlines()) == 1
    assert said.startswith(b"error: the model has changed since the job started (")
    assert b"restore it and continue with --resume" in said
    refused = run_cli("batch-classify", many, *options, "--resume", code=1).stderr
    if swap == "another model":
        assert "the model was" in refused
    shutil.rmtree(model, ignore_errors=True)
    shutil.copytree(shipped / "ann-nano", model)
    run_cli("batch-classify", many, *options, "--resume", code=1)
    assert (tmp_path / "results.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("changed", ["digest", "lines_digest", "pages_digest"])
def test_a_worker_refuses_another_model_than_the_job_began_with(digits, changed):
    loaders = {"digest": load_bundle, "lines_digest": load_line_bundle, "pages_digest": load_page_bundle}
    digests = {name: load().digest for name, load in loaders.items()}
    job = WorkerSettings(str(digits[0].parent), None, "litert", expect="page", **digests)
    assert len(list(parallel_rows(job, [digits[0].name], 1))) == 1
    with pytest.raises(ModelError, match="the model has changed since the job started"):
        list(parallel_rows(replace(job, **{changed: "0" * 64}), [digits[0].name], 1))


@pytest.mark.long("a fault at every step of a job")
def test_a_changed_byte_in_an_unfinished_output_is_read_again(run_cli, begun, tmp_path):
    run_cli("batch-classify", begun, "--output", "whole.csv", code=1)
    part = tmp_path / "results.csv.part"
    data = part.read_bytes()
    rows = data.splitlines(keepends=True)
    label = data.index(rows[20]) + len(rows[20].split(b",ok,")[0]) - 8  # the label of row 20
    assert data[label : label + 1].isdigit()
    part.write_bytes(data[:label] + b"%d" % ((data[label] - 47) % 10) + data[label + 1 :])
    run_cli("batch-classify", begun, "--output", "results.csv", "--resume", code=1)
    assert (tmp_path / "results.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.long("many jobs with other processes and batches")
@pytest.mark.parametrize("change", ["add last", "add first", "remove"])
def test_a_changed_folder_on_resume_is_refused(run_cli, begun, digits, change):
    if change == "remove":
        (begun / "a" / "000000.png").unlink()
    else:
        shutil.copy(digits[0], begun / "a" / ("zzz.png" if change == "add last" else "!.png"))
    said = run_cli("batch-classify", begun, "--output", "results.csv", "--resume", code=1).stderr
    assert "the folder a/ has changed since the job was started" in said


@pytest.mark.long("jobs of several processes that are killed, or whose model is swapped")
def test_two_jobs_do_not_write_one_output(run_cli, many, tmp_path):
    job = start(many, "--output", "results.csv", "--batch", 1, cwd=tmp_path)
    part = tmp_path / "results.csv.part"
    while not part.exists() or part.stat().st_size < 500:
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGSTOP)  # or it might end before the others begin
    for option in ("--resume", "--overwrite"):
        assert "another process" in run_cli("batch-classify", many, "--output", "results.csv", option, code=1).stderr
    os.killpg(job.pid, signal.SIGCONT)
    job.communicate(timeout=60)
    assert len(read_csv(tmp_path / "results.csv")) == FILES


@pytest.mark.long("reads thousands of files")
def test_long_paths_and_large_batches_do_not_block(run_cli, digits, tmp_path):
    folder = tmp_path / "/".join(["x" * 200] * 3)
    folder.mkdir(parents=True)
    for index in range(3000):
        os.link(digits[0], folder / f"{index:0190}.png")
    options = ["--batch", 4096, "--probabilities", "--jobs", 1]
    run_cli("batch-classify", tmp_path / ("x" * 200), "--output", "r.csv", *options, timeout=60)
    assert len(read_csv(tmp_path / "r.csv")) == 3000


def test_a_foreign_file_is_not_taken_for_a_finished_output(run_cli, digits, tmp_path):
    (tmp_path / "results.csv").write_text("something else\n")
    said = run_cli("batch-classify", digits[0].parent, "--output", "results.csv", "--resume", code=1).stderr
    assert "not an output of this job" in said


def test_an_unfinished_output_is_not_replaced_without_overwrite(run_cli, begun, tmp_path):
    assert "continue with --resume" in run_cli("batch-classify", begun, "--output", "results.csv", code=1).stderr
    run_cli("batch-classify", begun, "--output", "results.csv", "--overwrite", code=1)
    assert len(read_csv(tmp_path / "results.csv")) == FILES


# Disks that fail


def test_a_full_disk_is_one_line(run_cli, digits):
    said = run_cli("batch-classify", digits[0].parent, "--output", "/dev/full/results.csv", code=1).stderr
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


# Formats


NAMES = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1).filter(str.strip)


FOUND = st.sampled_from(["", "7"]), st.sampled_from([None, 0.25]), st.sampled_from(Status)


PLAIN = NAMES, *FOUND, NAMES, st.just(()), st.integers(1, 9), st.just("")


@given(st.lists(st.builds(Row, *PLAIN, st.just(()), st.none())))
@settings(deadline=None)
def test_rows_come_back_as_they_were(rows):
    for form in (Csv(), JsonLines()):
        data = form.head + form.lines(rows)
        assert list(form.rows(io.BytesIO(data))) == rows
        assert form.lines(rows) == b"".join(form.lines([row]) for row in rows)  # whatever is format_csv_row beside it


def fields(names):
    """The readings of fields with these names, without what a table does not hold."""

    def reading(name, text, reason):
        status = Status.REJECTED if reason else Status.OK
        return FieldReading(name, text, None, 0.25, status, reason, Box(0, 0, 0, 0), ())

    texts = st.sampled_from(["", "12/11/2020", "=1", "'5", "4,7"]), st.sampled_from(["", "unread"])
    return st.tuples(*(st.builds(reading, st.just(name), *texts) for name in names)) | st.just(())


@given(st.data(), st.lists(NAMES, min_size=1, max_size=4, unique=True))
@settings(deadline=None)
def test_rows_of_forms_come_back_as_they_were(data, names):
    row = st.builds(Row, *PLAIN, fields(names), st.none())
    rows = data.draw(st.lists(row | row.map(lambda each: each._replace(alignment=0.5 if each.fields else None))))
    for form in (Csv(fields=names), JsonLines()):
        assert list(form.rows(io.BytesIO(form.head + form.lines(rows)))) == rows


def test_a_spreadsheet_runs_no_cell(run_cli, digits, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    names = [
        "=1+1.png",
        "+1.png",
        "-1.png",
        "@sum.png",
        "\tx.png",
        "'format_csv_row.png",
        "plain,comma.png",
        'a "b".png',
        "a\nb.png",
    ]
    for name in names:
        shutil.copy(digits[3], folder / name)
    run_cli("batch-classify", folder, "--output", "results.csv")
    cells = [row["path"] for row in read_csv(tmp_path / "results.csv")]
    assert not any(cell[0] in "=+-@\t" for cell in cells)
    assert sorted(cell.removeprefix("'") for cell in cells) == sorted(names)


@pytest.mark.long("converts and reads several outputs")
def test_parquet_holds_what_csv_holds(run_cli, many, tmp_path):
    import pyarrow.parquet

    run_cli("batch-classify", many, "--output", "results.csv", "--probabilities", code=1)
    run_cli("batch-classify", many, "--output", "results.parquet", "--probabilities", code=1)
    table = pyarrow.parquet.read_table(tmp_path / "results.parquet").to_pylist()
    for row, expected in zip(table, read_csv(tmp_path / "results.csv"), strict=True):
        for name in ("path", "label", "status", "error"):
            assert row[name] == expected[name]
        assert row["p7"] == (pytest.approx(float(expected["p7"]), abs=1e-6) if expected["p7"] else None)
    assert not list(tmp_path.glob("results.parquet.*"))


def test_parquet_keeps_names_that_are_not_utf_8_distinct(run_cli, digits, tmp_path):
    import pyarrow.parquet

    folder = tmp_path / "pictures"
    folder.mkdir()
    names = [b"\xff.png", b"\\xff.png", b"\\udcff.png", b"\xed\xb3\xbf.png", "\u00ff.png".encode()]
    for name in names:
        shutil.copy(digits[3], os.fsencode(folder) + b"/" + name)
    run_cli("batch-classify", folder, "--output", "results.parquet")
    paths = pyarrow.parquet.read_table(tmp_path / "results.parquet")["path"].to_pylist()
    # The documented way back.
    escape = re.compile(rb"\\x(..)|\\\\")
    back = [escape.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else b"\\", path.encode()) for path in paths]
    assert sorted(back) == sorted(names)


# Options


@pytest.mark.long("many jobs with other processes and batches")
def test_rows_do_not_depend_on_jobs_and_batch(run_cli, many, tmp_path):
    for jobs, batch in ((1, 1), (2, 64), (3, 500)):
        run_cli("batch-classify", many, "--output", f"{jobs}.csv", "--jobs", jobs, "--batch", batch, code=1)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes() == (tmp_path / "3.csv").read_bytes()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["a-1.png", "a/2.png", "a/b/3.png", "c.jpg"]),
        (["--no-recursive"], ["a-1.png", "c.jpg"]),
        (["--include", "*.png"], ["a-1.png", "a/2.png", "a/b/3.png"]),
        (["--include", "a/*"], ["a/2.png", "a/b/3.png"]),
        (["--exclude", "[0-9].png"], ["a-1.png", "c.jpg"]),
        (["--include", "*.png", "--exclude", "a/b/*"], ["a-1.png", "a/2.png"]),
    ],
)
def test_globs_choose_files(run_cli, digits, tmp_path, options, expected):
    folder = tmp_path / "pictures"
    for name in ("a-1.png", "a/2.png", "a/b/3.png", "c.jpg", "d.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(digits[3], folder / name)
    run_cli("batch-classify", folder, "--output", "results.csv", *options)
    assert [row["path"] for row in read_csv(tmp_path / "results.csv")] == expected


@pytest.mark.parametrize("null", [False, True])
def test_paths_come_from_standard_input(digits, tmp_path, null):
    end = b"\0" if null else b"\n"
    paths = [str(path).encode() for path in digits] + [b"missing.png"]
    command = [
        sys.executable,
        "-m",
        "edge_runtime",
        "batch-classify",
        "-",
        "--output",
        "piped.csv",
        *(["-0"] if null else []),
    ]
    done = subprocess.run(
        command, input=end.join(paths), cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 1
    rows = read_csv(tmp_path / "piped.csv")
    assert [row["path"].encode() for row in rows] == paths
    assert [row["label"] for row in rows] == [path.name[0] for path in digits] + [""]


@pytest.mark.long("waits for a slow stream")
@pytest.mark.parametrize("pause", [0.05, 1.0])  # seconds: always something new, and nothing for long
def test_rows_of_a_slow_stream_do_not_wait_for_more(digits, tmp_path, pause):
    output = tmp_path / "results.jsonl"
    part = tmp_path / "results.jsonl.part"
    command = [sys.executable, "-m", "edge_runtime", "batch-classify", "-", "--output", str(output), "--resume"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def feed(seconds, enough):
        """Write a path now and then until there are rows enough while the stream is open; returns paths written."""
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=tmp_path) as job:
            until = time.monotonic() + seconds
            written = 0
            while len(part.read_bytes().splitlines() if part.exists() else ()) < enough:
                assert time.monotonic() < until, "the rows are held back"
                job.stdin.write(str(digits[written % 20]).encode() + b"\n")
                job.stdin.flush()
                written += 1
                time.sleep(pause)
            job.kill()
        return written

    feed(60, enough=2)
    feed(60, enough=4)
    paths = b"".join(str(digits[index % 20]).encode() + b"\n" for index in range(100))
    subprocess.run(command, input=paths, check=True, env=environment, cwd=tmp_path)
    rows = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert [row["path"].encode() for row in rows] == paths.splitlines()


def test_copies_are_sorted_by_label_and_failures_set_aside(run_cli, many, tmp_path):
    run_cli("batch-classify", many, "--output", "r.csv", "--copy-to", "sorted", "--quarantine", "bad", code=1)
    for row in read_csv(tmp_path / "r.csv"):
        place = tmp_path / ("bad" if row["status"] == "failed" else f"sorted/{row['label']}") / row["path"]
        assert place.read_bytes() == (many / row["path"]).read_bytes()
    assert not list(tmp_path.rglob("*.part"))
    assert len(list(tmp_path.rglob("sorted/**/*.png")) + list(tmp_path.rglob("bad/**/*.png"))) == FILES


def test_copies_do_not_get_among_files_that_are_there(run_cli, digits, tmp_path):
    (tmp_path / "sorted").mkdir()
    (tmp_path / "sorted" / "precious").write_text("precious")
    said = run_cli("batch-classify", digits[0].parent, "--output", "r.csv", "--copy-to", "sorted", code=2).stderr
    assert "not empty" in said


def test_copies_into_the_folder_that_is_read_are_refused(run_cli, many):
    assert "outside" in run_cli("batch-classify", many, "--output", "r.csv", "--copy-to", many / "x", code=2).stderr


@pytest.mark.parametrize("source", ["table", "folders"])
def test_true_labels_give_accuracy_a_table_and_an_image(run_cli, digits, tmp_path, source):
    folder = tmp_path / "pictures"
    for path in digits:
        place = folder / path.name[0]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    wrong = folder / "0" / "wrong.png"
    shutil.copy(digits[-1], wrong)  # a nine
    options = ["--labels-from-folders"]
    if source == "table":
        lines = [f"{path.relative_to(folder)},{path.parent.name}" for path in folder.rglob("*.png")]
        (tmp_path / "labels.csv").write_text("\n".join(["\ufefffilename,label", *lines]))  # as spreadsheets do
        options = ["--labels", "labels.csv"]
    said = run_cli("batch-classify", folder, "--output", "r.csv", *options).stdout
    assert "accuracy 95.24% of 21 images" in said
    zero = next(line.split() for line in said.splitlines() if line.startswith("    0"))
    assert zero == ["0", "3", "100.00%", "66.67%", "80.00%"]
    picture = cv2.imread(str(tmp_path / "r.confusion.png"))
    assert picture.shape[0] > 600


def test_a_confusion_image_is_not_overwritten_without_overwrite(run_cli, begun, tmp_path):
    picture = tmp_path / "results.confusion.png"
    picture.write_bytes(b"somebody's")
    options = ["--output", "results.csv", "--labels-from-folders"]
    for more in (["--resume"], ["--output", "other.csv"]):
        picture.with_name("other.confusion.png").write_bytes(b"somebody's")
        said = run_cli("batch-classify", begun, *options, *more, code=1).stderr
        assert "confusion.png exists: move it away, or use --overwrite" in said
        assert not (tmp_path / "other.csv.part").exists()
    assert picture.read_bytes() == b"somebody's"


def test_overwrite_also_replaces_the_confusion_image(run_cli, begun, digits, tmp_path):
    (begun / "7").mkdir()
    shutil.copy(digits[7], begun / "7")
    picture = tmp_path / "results.confusion.png"
    picture.write_bytes(b"of an earlier output")
    options = ["--output", "results.csv", "--labels-from-folders"]
    job = start(begun, *options, "--overwrite", "--batch", 1, cwd=tmp_path)
    part = tmp_path / "results.csv.part"
    before = part.stat().st_size
    while part.stat().st_size in (0, before) or not (tmp_path / "results.csv.job").exists():
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    assert picture.read_bytes() == b"of an earlier output"
    run_cli("batch-classify", begun, *options, "--resume", code=1)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_bad_label_tables_are_refused(run_cli, digits, tmp_path):
    (tmp_path / "labels.csv").write_text("name,digit\na.png,1\n")
    (tmp_path / "letters.csv").write_text("filename,label\na.png,1\nb.png,x\n")
    folder = digits[0].parent
    letters = run_cli("batch-classify", folder, "--output", "r.csv", "--labels", "letters.csv", code=2).stderr
    assert "letters.csv, line 3: the label is 'x'" in letters
    assert not list(tmp_path.glob("r.csv*"))
    assert (
        "filename,label"
        in run_cli("batch-classify", folder, "--output", "r.csv", "--labels", "labels.csv", code=2).stderr
    )
    assert (
        "cannot be read"
        in run_cli("batch-classify", folder, "--output", "r.csv", "--labels", "none.csv", code=1).stderr
    )


# Strange folders


@pytest.mark.long("strange files in several processes")
def test_strange_files_are_rows_with_reasons_and_never_a_hang(run_cli, digits, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    good = digits[3].read_bytes()
    (folder / "zero.png").touch()
    (folder / "text.png").write_text("none")
    (folder / "cut.png").write_bytes(good[:-20])
    (folder / "mislabelled.jpg").write_bytes(good)
    bomb = np.zeros((50_000, 50_000), np.uint8)
    cv2.imwrite(str(folder / "bomb.png"), bomb)
    os.mkfifo(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "dangling.png").symlink_to("nowhere.png")
    (folder / "loop").symlink_to(folder)
    (folder / "loop.png").symlink_to(folder)
    (folder / "folder.png").mkdir()
    (folder / "folder.png" / "inside.png").write_bytes(good)
    run_cli("batch-classify", folder, "--output", "r.csv", code=1)
    rows = {row["path"]: row for row in read_csv(tmp_path / "r.csv")}
    assert {path for path, row in rows.items() if row["status"] == "ok"} == {"mislabelled.jpg", "folder.png/inside.png"}
    for path, reason in {
        "zero.png": "empty",
        "text.png": "not an image",
        "cut.png": "truncated",
        "bomb.png": "50,000 x 50,000",
        "pipe.png": "not a regular file",
        "device.png": "not a regular file",
        "dangling.png": "no such file",
        "loop.png": "folder",
    }.items():
        assert reason in rows[path]["error"], path
    assert len(rows) == 10


def obey_permissions():
    """Take from root's processes what lets them read everything (capabilities(7)); for others, permissions count."""
    drop_from_bounding_set, dac_override, dac_read_search = 24, 1, 2
    for capability in (dac_override, dac_read_search):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def test_files_without_permission_are_failed_rows_or_errors(run_cli, digits, tmp_path):
    folder = tmp_path / "pictures"
    for name in ("a.png", "b.png", "locked/c.png", "open/d.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(digits[3], folder / name)
    (folder / "b.png").chmod(0)
    (folder / "locked").chmod(0)
    try:
        done = run_cli("batch-classify", folder, "--output", "r.csv", code=1, prepare=obey_permissions)
    finally:
        (folder / "locked").chmod(0o700)
    rows = {row["path"]: (row["status"], row["error"]) for row in read_csv(tmp_path / "r.csv")}
    assert rows == {
        "a.png": ("ok", ""),
        "b.png": ("failed", "the file cannot be read: Permission denied"),
        "open/d.png": ("ok", ""),
    }
    assert "the folder locked/ cannot be listed" in done.stderr


def test_a_folder_of_any_number_of_names_is_walked_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_module, "RUN", 7)
    monkeypatch.setattr(folder_module, "BLOCK", 5)
    names = [f"{index}.png" for index in range(40)] + [
        "é.png",
        "\udcff.png",
        "😀.png",
        "a b\nc.png",
        "d/1.png",
        "d-/2.png",
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert list(Folder(tmp_path).paths()) == sorted(names)
    assert Folder(tmp_path).count() == len(names)
